import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readLastRollout } from '@dotline/control-plane/rollout-store';
import { readSidecars } from '@dotline/control-plane/sidecar-store';
import { TestControlPlane } from '@dotline/control-plane/testing/test-control-plane';
import {
  GUESTS_NEED,
  GUESTS_NOTHING,
  greeterWith,
  TestMesh,
} from '@dotline/control-plane/testing/test-mesh';
import { testInstance } from '@dotline/control-plane/testing/test-revision';
import { TestSidecar } from '@dotline/control-plane/testing/test-sidecar';
import type { Instance } from '@dotline/model/instance';
import { RolloutWatch } from '@dotline/slo/rollout-watch';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { EnforcementView, RolloutView, StatusView } from './api.js';
import { RunningPageServer } from './testing/running-page-server.js';

jest.setTimeout(90_000);

const GUESTS = 'policies/teams/guests/guests.rego';
const GREETER = 'services/hello/greeter/service.yaml';
const LOOPBACK = `127.${140 + (process.pid % 100)}.${process.pid % 250}`;
const EDGE = { caller: 'visitor', callee: 'greeter', operation: 'greeter.greet' };

const instances = [
  instance('greeter', 1, 'cell-1'),
  instance('greeter', 2, 'cell-2'),
  instance('visitor', 1, 'cell-1'),
  instance('visitor', 2, 'cell-2'),
];

let running: RunningPageServer;
let mesh: TestMesh;
let controlPlane: TestControlPlane;
let runDirectory: string;
let sidecars: ReadonlyMap<string, TestSidecar>;
let heartbeat: NodeJS.Timeout;
let watching: AbortController;
let watched: Promise<void>;

beforeAll(async () => {
  [running, mesh, runDirectory] = await Promise.all([
    RunningPageServer.start(),
    TestMesh.create(),
    mkdtemp(join(tmpdir(), 'dl-')),
  ]);
  await mesh.write('mesh.yaml', MESH);
  controlPlane = await TestControlPlane.create({
    meshDirectory: mesh.directory,
    databaseUrl: running.stores.postgresql.url,
    redisUrl: running.stores.valkey.url,
  });
  await controlPlane.start();
  await controlPlane.ready();
  const started = await Promise.all(
    instances.map((each) => TestSidecar.start(runDirectory, each, controlPlane)),
  );
  sidecars = new Map(started.map((sidecar) => [sidecar.instance.id, sidecar]));
  await announce();
  heartbeat = setInterval(() => void announce().catch(() => undefined), 2_000);
  startWatch();
  await enforcedOn(4);
});

afterAll(async () => {
  clearInterval(heartbeat);
  watching?.abort();
  await watched;
  await Promise.all([...(sidecars?.values() ?? [])].map((sidecar) => sidecar.stop()));
  await controlPlane?.remove();
  await running?.stop();
  await mesh?.remove();
  await rm(runDirectory, { recursive: true, force: true });
});

describe('a rollout in waves', () => {
  it('comes to the canaries first, survives a restart there, and goes to all when told to', async () => {
    await mesh.save(GUESTS, GUESTS_NEED);
    const canary = await rollout((view) => view.phase === 'watching');
    expect(canary).toMatchObject({
      state: 'running',
      wave: 'canary',
      step: 'switch',
      sidecars: { moved: 2, touched: 4 },
    });
    expect(await holdsEdge('visitor-1')).toBe(true);
    expect(await holdsEdge('visitor-2')).toBe(false);
    expect(await call('visitor-1')).toBe(200);
    expect(await call('visitor-2')).toBe(403);

    await controlPlane.stop('SIGKILL');
    await controlPlane.start();
    await controlPlane.ready();
    const again = await rollout(
      ({ phase, sinceMs }) => phase === 'watching' && (sinceMs ?? 0) > (canary.sinceMs ?? 0),
    );
    expect(again).toMatchObject({ revision: canary.revision, wave: 'canary' });
    expect(await call('visitor-2')).toBe(403);

    await controlPlane.call('POST', '/v1/rollout', { action: 'promote', by: 'a person' });
    await rollout(({ state }) => state === 'done');
    await enforcedOn(4);
    expect(await call('visitor-2')).toBe(200);
  });

  it('goes back when denials rise, and says where', async () => {
    const before = await liveId();
    await running.record(30, { ...EDGE, instance: 'visitor-1', agoMs: 20_000 });
    await mesh.save(GUESTS, GUESTS_NOTHING);
    const { revision } = await rollout(
      (view) => view.state === 'running' && view.phase === 'watching',
    );
    expect(await call('visitor-1')).toBe(403);
    const denied = { ...EDGE, operation: 'denied', authorization: 'denied' as const, status: 403 };
    await running.record(20, { ...denied, instance: 'visitor-1', agoMs: 0 });

    const back = await rollout(({ state }) => state === 'rolled-back');
    expect(back).toMatchObject({ revision, baseline: before, wave: 'canary' });
    expect(back.reasons[0]).toMatch(
      /^denials of visitor -> greeter rose from 0\.00\/s to \d+\.\d+\/s at the callers' sidecars/,
    );
    await running.eventually('the revision before', async () =>
      (await call('visitor-1')) === 200 && (await liveId()) === before ? true : undefined,
    );
    // The other wave never saw it.
    expect(await acknowledged('visitor-2')).not.toBe(revision);
    const { body: status } = await running.get<StatusView>('/api/status');
    expect(status).toMatchObject({ converged: false, rollout: { revision, state: 'rolled-back' } });
    const waited = await running.get<EnforcementView>(
      '/api/revisions/live/enforcement?waitMs=5000',
    );
    expect(waited.body).toMatchObject({ state: 'rolled-back', rollout: { reasons: back.reasons } });
    expect(controlPlane.output).toContain('goes back to');

    await mesh.save(GUESTS, GUESTS_NEED);
    await enforcedOn(4);
  });

  it('goes back when a canary rejects its part, which nobody else is given', async () => {
    const before = await liveId();
    const last = (await readLastRollout(running.database))?.rolloutId;
    const parameters = Array.from({ length: 1_000 }, (_, index) => `{p${index}}`).join('/');
    await mesh.save(GREETER, greeterWith(`/v1/${parameters}`));
    const back = await rollout((view) => view.rollout !== last && view.state === 'rolled-back');
    expect(back).toMatchObject({ baseline: before, step: 'widen', wave: 'canary' });
    expect(back.reasons.join('\n')).toMatch(
      /^the sidecar of (greeter|visitor)-1 rejected .*, which comes from policies\/teams\/\w+\/\w+\.rego:3 of team \w+/,
    );
    expect(back.reasons.join('\n')).not.toMatch(/-2 rejected/);
    expect(await call('visitor-1')).toBe(200);
    expect(await call('visitor-2')).toBe(200);
    await mesh.save(GREETER, greeterWith('/v1/greetings/{name}'));
    await enforcedOn(4);
  });

  it('goes back when nobody can say how the traffic is', async () => {
    watching.abort();
    await watched;
    await mesh.save('mesh.yaml', MESH.replace('15000', '1000'));
    await mesh.save(
      GUESTS,
      `${GUESTS_NEED}\nneeds contains {"service": "visitor", "operation": "greeter.part"}\n`,
    );
    await mesh.save(
      GREETER,
      `${greeterWith('/v1/greetings/{name}').replace('placement', '  - { name: part, class: read, method: GET, path: /v1/farewells }\nplacement')}`,
    );
    const back = await rollout(({ reasons }) =>
      reasons.some((reason) => reason.startsWith('nobody can say')),
    );
    expect(back).toMatchObject({ state: 'rolled-back', wave: 'canary' });
  });
});

function startWatch(): void {
  watching = new AbortController();
  const watch = new RolloutWatch(running.database, running.clickhouse, () => undefined);
  watched = watch.run(watching.signal);
}

/** Waits until the last rollout is as wanted. */
function rollout(wanted: (view: RolloutView) => boolean): Promise<RolloutView> {
  return running
    .eventually('the rollout', async () => {
      const { body } = await running.get<RolloutView | null>('/api/rollout');
      return body !== null && wanted(body) ? body : undefined;
    })
    .catch(async (error: unknown) => {
      const record = await readLastRollout(running.database);
      const told = JSON.stringify(record).slice(0, 3_000);
      throw new Error(`${told}\n${controlPlane.output.slice(-3_000)}`, { cause: error });
    });
}

async function enforcedOn(count: number): Promise<void> {
  await running.eventually('a revision on all sidecars', async () => {
    const { body } = await running.get<StatusView>('/api/status');
    return body.sidecars.length === count && body.converged ? true : undefined;
  });
}

async function liveId(): Promise<string | undefined> {
  const { body } = await controlPlane.get('/v1/revision');
  return (JSON.parse(body) as { readonly id: string }).id;
}

async function acknowledged(id: string): Promise<string | undefined> {
  const known = await readSidecars(running.database);
  return known.find(({ instanceId }) => instanceId === id)?.ackedRevision;
}

async function holdsEdge(id: string): Promise<boolean | undefined> {
  return (await sidecars.get(id)?.configDump())?.includes('visitor->greeter');
}

async function call(id: string): Promise<number | undefined> {
  return (await sidecars.get(id)?.call('greeter', '/v1/greetings/you'))?.status;
}

function announce() {
  return controlPlane.call('PUT', '/v1/instances', { host: 'test', instances });
}

function instance(service: string, number: number, cell: string): Instance {
  const host = (service === 'greeter' ? 0 : 2) + number;
  return { ...testInstance(service, number, `${LOOPBACK}.${host}`), cell };
}

const MESH = `apiVersion: dotline/v1
name: hello
trustDomain: hello.example
contact: platform@hello.example
regions:
  - name: here
    zones:
      - name: here-a
        cells: [cell-1, cell-2]
teams:
  - { name: hosts, colour: "#2563eb", contact: hosts@hello.example }
  - { name: guests, colour: "#ea580c", contact: guests@hello.example }
products: [hello]
rollout: { strategy: progressive, holdMs: 1500, signalWaitMs: 15000 }
`;
