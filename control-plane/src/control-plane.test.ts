import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Instance } from '@dotline/model/instance';
import {
  Client,
  type ClientDuplexStream,
  credentials,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { TypeUrl } from 'envoy-control-plane-ts';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
} from 'envoy-control-plane-ts/gen/envoy/service/discovery/v3/discovery_pb';
import { execa } from 'execa';
import pg from 'pg';
import { readLatestAudit } from './audit-store.js';
import { readInstances } from './instance-store.js';
import { readMeshProblems } from './mesh-error-store.js';
import { compareProxy } from './proxy-diff/compare-proxy.js';
import { HeldConfigReader } from './proxy-diff/held-config.js';
import { readLiveRevision, readRollouts } from './revision-store.js';
import { readLastRollout } from './rollout-store.js';
import { type Rejection, readSidecars } from './sidecar-store.js';
import { eventually } from './testing/eventually.js';
import { type Answer, TestControlPlane } from './testing/test-control-plane.js';
import { freePort, startTestDatabase, type TestDatabase } from './testing/test-database.js';
import { GUESTS_NEED, GUESTS_NOTHING, greeterWith, TestMesh } from './testing/test-mesh.js';
import { TestProcess } from './testing/test-process.js';
import { testInstance } from './testing/test-revision.js';
import { certificateRequest, TestSidecar } from './testing/test-sidecar.js';

jest.setTimeout(120_000);

const GUESTS = 'policies/teams/guests/guests.rego';
const GREETER = 'services/hello/greeter/service.yaml';
const LOOPBACK = `127.${40 + (process.pid % 100)}.${process.pid % 250}`;

let database: TestDatabase;
let pool: pg.Pool;
let valkey: TestProcess;
let mesh: TestMesh;
let runDirectory: string;
let controlPlane: TestControlPlane;
let visitor: TestSidecar;
let greeter: TestSidecar;
let heartbeat: NodeJS.Timeout;

/** What the host says with each heartbeat. */
let state: Instance['state'] = 'ready';
const instances = [instance('greeter', 1), instance('visitor', 2)];

beforeAll(async () => {
  const valkeyPort = await freePort();
  [database, mesh, runDirectory, valkey] = await Promise.all([
    startTestDatabase(),
    TestMesh.create(),
    mkdtemp(join(tmpdir(), 'dl-')),
    TestProcess.start(process.env.VALKEY_PATH ?? 'valkey-server', [
      ...['--bind', '127.0.0.1', '--port', String(valkeyPort), '--save', '', '--appendonly', 'no'],
    ]),
  ]);
  pool = new pg.Pool({ connectionString: database.url });
  pool.on('error', () => undefined);
  controlPlane = await TestControlPlane.create({
    meshDirectory: mesh.directory,
    databaseUrl: database.url,
    redisUrl: `redis://127.0.0.1:${valkeyPort}`,
  });
  await controlPlane.start();
  await controlPlane.ready();
  [greeter, visitor] = (await Promise.all(
    instances.map((each) => TestSidecar.start(runDirectory, each, controlPlane)),
  )) as [TestSidecar, TestSidecar];
  expect(await announce()).toMatchObject({ status: 204 });
  heartbeat = setInterval(() => void announce().catch(() => undefined), 2_000);
});

afterAll(async () => {
  clearInterval(heartbeat);
  await Promise.all([visitor?.stop(), greeter?.stop(), valkey?.stop()]);
  await controlPlane?.remove();
  await pool?.end();
  await database?.remove();
  await mesh?.remove();
  await rm(runDirectory, { recursive: true, force: true });
});

describe('sidecars', () => {
  it('take the first revision, and that it is enforced is on record', async () => {
    await enforced();
    expect(await readSidecars(pool)).toMatchObject(
      instances.map(({ id }) => ({ instanceId: id, connected: true })),
    );
    expect(await rejections()).toEqual([]);
    expect(controlPlane.output).toContain('is enforced on 2/2 sidecars');
    expect((await visitor.call('greeter', '/v1/greetings/you')).status).toBe(403);
  });

  it('follow an edge that a saved rule adds, and one that a saved rule takes away', async () => {
    const before = await liveId();
    await mesh.save(GUESTS, GUESTS_NEED);
    await enforced(before);
    expect(await visitor.configDump()).toContain('visitor->greeter');
    expect(await visitor.call('greeter', '/v1/greetings/you')).toEqual({
      status: 200,
      body: 'hello',
    });
    const [rollout] = await readRollouts(pool, 1);
    expect(rollout?.edgeDiff.added).toEqual(['visitor->greeter']);

    const withEdge = await liveId();
    await mesh.write(GUESTS, GUESTS_NOTHING);
    await enforced(withEdge);
    expect((await visitor.call('greeter', '/v1/greetings/you')).status).toBe(403);
    expect(await greeter.configDump()).not.toContain('visitor->greeter');

    const without = await liveId();
    await mesh.save(GUESTS, GUESTS_NEED);
    await enforced(without);
  });

  it('keep what they have while the mesh directory has problems', async () => {
    const before = await liveId();
    await mesh.save(GUESTS, 'package mesh.teams.guests\n\nneeds contains {\n');
    const { problems } = await eventually('problems', () => readMeshProblems(pool));
    expect(problems[0]).toMatchObject({ file: GUESTS });
    expect(await liveId()).toBe(before);
    expect((await visitor.call('greeter', '/v1/greetings/you')).status).toBe(200);
    expect(controlPlane.output).toContain(GUESTS);

    await mesh.save(GUESTS, GUESTS_NEED);
    await eventually('no problems', async () =>
      (await readMeshProblems(pool)) === undefined ? true : undefined,
    );
    expect(await liveId()).toBe(before);
  });

  it('are not disturbed by a commit, which the live revision then names', async () => {
    const pushed = await controlPlane.metric('dotline_xds_pushed_resources_total');
    const git = (...args: string[]) => execa('git', ['-C', mesh.directory, ...args]);
    await git('init', '--quiet', '--initial-branch=main');
    await git('add', '.');
    // The folder became a checkout only now; the next start watches its commits too.
    await controlPlane.stop();
    await controlPlane.start();
    await controlPlane.ready();
    const author = ['-c', 'user.name=Test', '-c', 'user.email=test@hello.example'];
    await git(...author, 'commit', '--quiet', '--message', 'Visitors greet');
    const { stdout: commit } = await git('rev-parse', 'HEAD');
    const live = await eventually('the commit', async () => {
      const found = await readLiveRevision(pool);
      return found?.revision.commit === commit ? found : undefined;
    });
    expect(live.revision.edges[0]?.operations[0]?.need.commit).toBe(commit);
    await enforced();
    expect(pushed).toBeGreaterThan(0);
    expect(await controlPlane.metric('dotline_xds_pushed_resources_total')).toBe(0);
  });

  it('are sent nothing that they hold when the control plane was killed and starts again', async () => {
    const version = await visitor.configDump();
    expect(await controlPlane.stop('SIGKILL')).toBe('SIGKILL');
    expect((await visitor.call('greeter', '/v1/greetings/you')).status).toBe(200);
    await controlPlane.start();
    await controlPlane.ready();
    await eventually('both streams', async () =>
      (await controlPlane.metric('dotline_xds_streams')) === 2 ? true : undefined,
    );
    await sleep(1_000);
    expect(await controlPlane.metric('dotline_xds_pushes_total')).toBe(0);
    expect(lastUpdates(await visitor.configDump())).toEqual(lastUpdates(version));
    expect(await readSidecars(pool)).toMatchObject([{ connected: true }, { connected: true }]);
  });

  it('judge a staged revision through a restart and beside the next live ones, until it is taken back', async () => {
    const { mesh: content } = JSON.parse((await controlPlane.get('/v1/revision')).body);
    const relations = { needs: [], grants: [], baseline: [], refused: [] };
    const body = { name: 'nobody calls', mesh: content, edges: [], relations, by: 'ann' };
    const answer = await controlPlane.call('PUT', '/v1/shadow', body);
    const { revision: staged, ...progress } = JSON.parse(answer.body);
    expect(progress).toEqual({ live: await liveId(), judging: 2, concerned: 2, sidecars: 2 });
    const judging = async () =>
      Promise.all(
        [visitor, greeter].map(async (each) => (await each.configDump()).includes(staged)),
      );
    const judge = (expected: boolean) =>
      eventually(`sidecars that ${expected ? '' : 'do not '}judge`, async () =>
        (await judging()).every((judges) => judges === expected) ? true : undefined,
      );
    expect(await judging()).toEqual([true, true]);
    expect((await visitor.call('greeter', '/v1/greetings/you')).status).toBe(200);

    await controlPlane.stop('SIGKILL');
    await controlPlane.start();
    await controlPlane.ready();
    await eventually('both streams', async () =>
      (await controlPlane.metric('dotline_xds_streams')) === 2 ? true : undefined,
    );
    const before = await liveId();
    await mesh.save(GUESTS, GUESTS_NOTHING);
    await enforced(before);
    // Now both allow the same.
    await judge(false);
    const without = await liveId();
    await mesh.save(GUESTS, GUESTS_NEED);
    await enforced(without);
    await judge(true);

    expect(await controlPlane.call('DELETE', '/v1/shadow')).toEqual({
      status: 200,
      body: JSON.stringify({ stopped: staged }),
    });
    await judge(false);
    const audited = await eventually('the audit log', async () => {
      const found = await pool.query(
        "select action from control_plane.audit_log where action like 'revision-%staged' order by sequence",
      );
      return found.rows.length === 2 ? found.rows : undefined;
    });
    expect(audited).toEqual([{ action: 'revision-staged' }, { action: 'revision-unstaged' }]);
    expect((await controlPlane.call('PUT', '/v1/shadow', body, 'wrong')).status).toBe(401);
    const wrong = await controlPlane.call('PUT', '/v1/shadow', { ...body, edges: [{}] });
    expect(wrong).toMatchObject({ status: 400, body: expect.stringContaining('edges.0.') });
  });

  it('that reject a resource have the mesh go back by itself, and the rule it comes from is named', async () => {
    await enforced();
    const before = await readLiveRevision(pool);
    const parameters = Array.from({ length: 1_000 }, (_, index) => `{p${index}}`).join('/');
    await mesh.save(GREETER, greeterWith(`/v1/${parameters}`));
    const back = await eventually('the revision before', async () => {
      const live = await readLiveRevision(pool);
      return live?.rollback?.actor.kind === 'control-plane' ? live : undefined;
    });
    expect(back.revision.id).toBe(before?.revision.id);
    expect(back.rollback?.reason).toMatch(
      /^the sidecar of (greeter|visitor)-1 rejected .*, which comes from policies\/teams\/\w+\/\w+\.rego:3 of team/,
    );
    await eventually('the end of its rollout', async () => {
      const last = await readLastRollout(pool);
      return last?.state === 'rolled-back' && last.revisionId === back.rollback?.fromId
        ? true
        : undefined;
    });
    const actions = (await readLatestAudit(pool, 4)).map(({ action }) => action);
    expect(actions).toEqual(expect.arrayContaining(['revision-rolled-back', 'rollout-stopped']));
    await eventually('no rejection', async () =>
      (await rejections()).length === 0 ? true : undefined,
    );
    expect((await visitor.call('greeter', '/v1/greetings/you')).status).toBe(200);

    await mesh.save(GREETER, greeterWith('/v1/greetings/{name}'));
    await enforced();
  });
});

describe('a sidecar that says it is one of another service', () => {
  it('is refused, with an audit line that names its identity and its claim', async () => {
    const { stream, close } = await rawStream('visitor');
    let responses = 0;
    stream.on('data', () => responses++);
    const ended = new Promise<ServiceError>((resolve) => stream.on('error', resolve));
    const request = create(DeltaDiscoveryRequestSchema, {
      node: { id: 'greeter-1', cluster: 'greeter' },
      typeUrl: TypeUrl.Cluster,
    });
    stream.write(Buffer.from(toBinary(DeltaDiscoveryRequestSchema, request)));
    expect(await ended).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: 'the certificate is that of service visitor, but node.cluster is greeter',
    });
    close();
    expect(responses).toBe(0);
    // The client may hear of it before the log does.
    const line = await eventually('the audit line', () =>
      controlPlane.output.split('\n').find((text) => text.includes('sidecar-refused')),
    );
    expect(JSON.parse(line)).toMatchObject({
      audit: 'sidecar-refused',
      peer: { uris: ['spiffe://hello.example/service/visitor'] },
      claimed: { node: 'greeter-1', cluster: 'greeter' },
    });
    const entry = await eventually('the entry of the audit log', async () => {
      const entries = await readLatestAudit(pool, 100);
      return entries.find(({ action }) => action === 'sidecar-refused');
    });
    expect(entry).toMatchObject({
      actor: { kind: 'sidecar', name: 'spiffe://hello.example/service/visitor' },
      subject: { instance: 'greeter-1' },
      details: { claimedService: 'greeter' },
    });
    expect(await controlPlane.metric('dotline_xds_refused_total')).toBe(1);
    expect(await controlPlane.metric('dotline_xds_waiting_streams')).toBe(0);
    expect(await controlPlane.metric('dotline_xds_connections')).toBeGreaterThanOrEqual(2);
  });
});

describe('a client that asks for a callee to which it has no edge', () => {
  it('is told so by name', async () => {
    const { stream, close } = await rawStream('greeter');
    const answer = new Promise<Buffer>((resolve) => stream.on('data', resolve));
    stream.on('error', () => undefined);
    const request = create(DeltaDiscoveryRequestSchema, {
      node: { id: 'greeter-1', cluster: 'greeter' },
      typeUrl: TypeUrl.Cluster,
      resourceNamesSubscribe: ['visitor'],
    });
    stream.write(Buffer.from(toBinary(DeltaDiscoveryRequestSchema, request)));
    const response = fromBinary(DeltaDiscoveryResponseSchema, await answer);
    close();
    expect(response.resources).toEqual([]);
    expect(response.resourceErrors).toMatchObject([
      {
        resourceName: { name: 'visitor' },
        errorDetail: {
          code: status.PERMISSION_DENIED,
          message: expect.stringMatching(/^greeter may not call visitor: no edge .* ask team /),
        },
      },
    ]);
  });
});

/** An incremental ADS stream with the certificate of a service. */
async function rawStream(service: string) {
  const { csr, key } = await certificateRequest();
  const answer = await controlPlane.call('POST', '/v1/certificates', { csr, service });
  const { certificate = '', bundle = '' } = JSON.parse(answer.body) as Record<string, string>;
  const client = new Client(
    `localhost:${controlPlane.xdsPort}`,
    credentials.createSsl(Buffer.from(bundle), Buffer.from(key), Buffer.from(certificate)),
  );
  const asIs = (bytes: Buffer) => bytes;
  const stream: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(
    '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
    asIs,
    asIs,
  );
  const close = () => {
    stream.cancel();
    client.close();
  };
  return { stream, close };
}

describe('without PostgreSQL', () => {
  it('sidecars and endpoints are served, and a change is made up for later', async () => {
    const before = await liveId();
    await database.stop();
    await mesh.save(GUESTS, GUESTS_NOTHING);
    await eventually('the wait', () =>
      controlPlane.output.includes('waiting for PostgreSQL') ? true : undefined,
    );
    expect((await visitor.call('greeter', '/v1/greetings/you')).status).toBe(200);
    state = 'draining';
    expect(await announce()).toMatchObject({ status: 204 });
    await eventually('no endpoint', async () =>
      (await visitor.call('greeter', '/v1/greetings/you')).status === 503 ? true : undefined,
    );

    state = 'ready';
    await announce();
    await database.start();
    await enforced(before);
    expect((await visitor.call('greeter', '/v1/greetings/you')).status).toBe(403);
    const without = await liveId();
    await mesh.save(GUESTS, GUESTS_NEED);
    await enforced(without);
  });
});

describe('what sidecars hold', () => {
  it('is told to the operator, and is what their Envoys use', async () => {
    const held = await heldConfigOf({ platform: 'operator' });
    for (const { id, adminAddress } of instances) {
      const comparison = await compareProxy(held, id, adminAddress);
      expect(comparison?.differences).toEqual([]);
      expect(comparison?.equal[TypeUrl.Listener]).toBeGreaterThan(0);
    }
    expect(await held.read('mallory-1')).toBeUndefined();
    held.close();
  });

  it('is told neither to a sidecar nor to another part of the platform', async () => {
    for (const subject of [{ service: 'greeter' }, { platform: 'collector' }]) {
      const held = await heldConfigOf(subject);
      await expect(held.read('greeter-1')).rejects.toThrow(
        'refuses: only spiffe://hello.example/platform/operator may see',
      );
      held.close();
    }
  });
});

describe('API', () => {
  it('certifies keys for services of the mesh and parts of the platform alone', async () => {
    const { csr } = await certificateRequest();
    const post = (body: object) => controlPlane.call('POST', '/v1/certificates', body);
    expect((await post({ csr, platform: 'collector' })).status).toBe(201);
    expect(await post({ csr, service: 'mallory' })).toMatchObject({
      status: 400,
      body: 'mesh hello has no service mallory\n',
    });
    expect((await post({ csr, platform: 'control-plane' })).status).toBe(400);
    expect((await post({ csr: 'nonsense', service: 'greeter' })).status).toBe(400);
    expect((await post({ service: 'greeter' })).status).toBe(400);
  });

  it('wants the token, except for health and metrics', async () => {
    for (const path of ['/v1/revision', '/v1/instances', '/v1/certificates']) {
      expect((await controlPlane.call('GET', path, undefined, 'wrong')).status).toBe(401);
    }
    expect((await controlPlane.call('GET', '/healthz', undefined, '')).status).toBe(200);
    expect((await controlPlane.call('GET', '/metrics', undefined, '')).status).toBe(200);
  });

  it('tells the live revision', async () => {
    const { status, body } = await controlPlane.get('/v1/revision');
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ id: await liveId(), mesh: { name: 'hello' } });
  });

  it('refuses lists of instances that contradict themselves or another live host', async () => {
    const put = (body: object) => controlPlane.call('PUT', '/v1/instances', body);
    const [first] = instances;
    expect((await put({ host: 'x', instances: [first, first] })).status).toBe(400);
    expect((await put({ host: 'x', instances: [{ ...first, id: 'fare-1' }] })).status).toBe(400);
    expect((await put({ host: 'x', instances: [first] })).status).toBe(409);
    expect((await readInstances(pool)).map(({ host }) => host)).toEqual(['test', 'test']);
  });
});

describe('SIGTERM', () => {
  it('ends the control plane in good order, and traffic goes on', async () => {
    expect(await controlPlane.stop()).toBe(0);
    expect((await visitor.call('greeter', '/v1/greetings/you')).status).toBe(200);
  });
});

function announce(): Promise<Answer> {
  const listed = instances.map((each) => ({ ...each, state }));
  return controlPlane.call('PUT', '/v1/instances', { host: 'test', instances: listed });
}

async function heldConfigOf(subject: object): Promise<HeldConfigReader> {
  const { csr, key } = await certificateRequest();
  const { body } = await controlPlane.call('POST', '/v1/certificates', { csr, ...subject });
  const signed = JSON.parse(body) as { certificate: string; bundle: string };
  return new HeldConfigReader(`localhost:${controlPlane.xdsPort}`, { ...signed, key });
}

async function liveId(): Promise<string> {
  return (await readLiveRevision(pool))?.revision.id ?? '';
}

/** What sidecars refuse now. */
async function rejections(): Promise<Rejection[]> {
  const sidecars = await readSidecars(pool);
  return sidecars.flatMap(({ types }) => types.flatMap((type) => type.rejections));
}

/** Waits until the live revision, another than `previous`, is enforced on both sidecars. */
async function enforced(previous?: string): Promise<void> {
  try {
    await eventually('a revision enforced on both sidecars', async () => {
      const live = await readLiveRevision(pool);
      const sidecars = await readSidecars(pool);
      return live !== undefined &&
        live.revision.id !== previous &&
        live.enforcedInMs !== undefined &&
        sidecars.length === 2 &&
        sidecars.every(({ ackedRevision }) => ackedRevision === live.revision.id)
        ? true
        : undefined;
    });
  } catch (error) {
    const outputs = [controlPlane, visitor.envoy, greeter.envoy].map(({ output }) => output);
    throw new Error(outputs.map((output) => output.slice(-3_000)).join('\n'), { cause: error });
  }
}

function lastUpdates(configDump: string): string[] {
  return [...configDump.matchAll(/"last_updated":"([^"]+)"/g)].map(([, time]) => time ?? '');
}

function instance(service: string, host: number): Instance {
  return testInstance(service, 1, `${LOOPBACK}.${host}`);
}
