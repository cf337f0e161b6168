import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { ChainVerifier } from './audit-chain.js';
import { readAuditAfter } from './audit-store.js';
import { readLiveRevision, readRollouts } from './revision-store.js';
import { readSidecars } from './sidecar-store.js';
import { eventually } from './testing/eventually.js';
import { TestControlPlane } from './testing/test-control-plane.js';
import { freePort, startTestDatabase, type TestDatabase } from './testing/test-database.js';
import { GUESTS_NEED, GUESTS_NOTHING, greeterWith, TestMesh } from './testing/test-mesh.js';
import { TestProcess } from './testing/test-process.js';
import { testInstance } from './testing/test-revision.js';
import { TestSidecar } from './testing/test-sidecar.js';

jest.setTimeout(120_000);

const GUESTS = 'policies/teams/guests/guests.rego';
const LOOPBACK = `127.${20 + (process.pid % 100)}.${process.pid % 250}`;
const GREETER = 'services/hello/greeter/service.yaml';

let database: TestDatabase;
let pool: pg.Pool;
let valkey: TestProcess;
let mesh: TestMesh;
/** The second replica's own checkout, which nobody changes. */
let checkout: string;
let first: TestControlPlane;
let second: TestControlPlane;

beforeAll(async () => {
  const valkeyPort = await freePort();
  [database, mesh, checkout, valkey] = await Promise.all([
    startTestDatabase(),
    TestMesh.create(),
    mkdtemp(join(tmpdir(), 'dotline-checkout-')),
    TestProcess.start(process.env.VALKEY_PATH ?? 'valkey-server', [
      ...['--bind', '127.0.0.1', '--port', String(valkeyPort), '--save', '', '--appendonly', 'no'],
    ]),
  ]);
  pool = new pg.Pool({ connectionString: database.url });
  pool.on('error', () => undefined);
  await cp(mesh.directory, checkout, { recursive: true });
  const common = {
    databaseUrl: database.url,
    redisUrl: `redis://127.0.0.1:${valkeyPort}`,
    // Sidecars are told where to send telemetry: by each replica the same.
    environment: {
      COLLECTOR_OTLP_GRPC: `127.0.0.1:${await freePort()}`,
      COLLECTOR_OTLP_HTTP: `127.0.0.1:${await freePort()}`,
    },
  };
  first = await TestControlPlane.create({ ...common, meshDirectory: mesh.directory });
  second = await TestControlPlane.create({ ...common, meshDirectory: checkout });
  await Promise.all([first.start(), second.start()]);
  await Promise.all([first.ready(), second.ready()]);
});

afterAll(async () => {
  await Promise.all([first?.remove(), second?.remove()]);
  await valkey?.stop();
  await pool?.end();
  await database?.remove();
  await mesh?.remove();
  await rm(checkout, { recursive: true, force: true });
});

describe('two replicas', () => {
  it('that start together on one content have one revision', async () => {
    expect(await idOf(first)).toBe(await idOf(second));
    expect(await readRollouts(pool, 10)).toHaveLength(1);
  });

  it('follow each other by events, well before the next poll', async () => {
    await mesh.save(GUESTS, GUESTS_NEED);
    await followed(await changed(first));
  });

  it('judge by what the other has staged', async () => {
    const { mesh: content, id } = JSON.parse((await first.get('/v1/revision')).body);
    const relations = { needs: [], grants: [], baseline: [], refused: [] };
    const body = { name: 'nobody calls', mesh: content, edges: [], relations };
    const started = await first.call('PUT', '/v1/shadow', body);
    expect(JSON.parse(started.body)).toMatchObject({ live: id, concerned: 0 });
    const stopped = await second.call('DELETE', '/v1/shadow');
    expect(JSON.parse(stopped.body).stopped).toBe(JSON.parse(started.body).revision);
  });

  it('wait for the sidecars of each other between two steps, and not for ever', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dl-'));
    const greeterAt = testInstance('greeter', 1, `${LOOPBACK}.1`);
    const visitorAt = testInstance('visitor', 1, `${LOOPBACK}.2`);
    const started: TestSidecar[] = [];
    try {
      await first.call('PUT', '/v1/instances', { host: 'h1', instances: [greeterAt, visitorAt] });
      await eventually('the instances at the second replica', async () =>
        (await second.metric('dotline_instances')) === 2 ? true : undefined,
      );
      const greeter = await TestSidecar.start(folder, greeterAt, second);
      started.push(greeter);
      const visitor = await TestSidecar.start(folder, visitorAt, first);
      started.push(visitor);
      const holdsEdge = async () => (await visitor.configDump()).includes('visitor->greeter');
      const holds = (wanted: boolean) =>
        eventually(`the caller's route: ${wanted}`, async () =>
          (await holdsEdge()) === wanted ? true : undefined,
        );
      for (const isForEver of [false, true]) {
        const before = await idOf(first);
        await mesh.save(GUESTS, GUESTS_NOTHING);
        const without = await changed(first, before);
        await followed(without);
        await holds(false);
        await eventually('that both sidecars have it', async () =>
          (await readSidecars(pool)).filter(({ ackedRevision }) => ackedRevision === without)
            .length === 2
            ? true
            : undefined,
        );
        greeter.envoy.signal('SIGSTOP');
        await mesh.save(GUESTS, GUESTS_NEED);
        await followed(await changed(first, without));
        // The callee at the other replica does not answer, so its caller here has no route yet.
        await eventually('the callee is sent what lets the caller in', async () =>
          (await readSidecars(pool)).some(
            ({ instanceId, types }) =>
              instanceId === 'greeter-1' && types.some(({ state }) => state !== 'synced'),
          )
            ? true
            : undefined,
        );
        expect(await holdsEdge()).toBe(false);
        if (!isForEver) greeter.envoy.signal('SIGCONT');
        await holds(true);
        expect(first.output.includes('goes on before sidecars of other replicas')).toBe(isForEver);
        greeter.envoy.signal('SIGCONT');
      }
    } finally {
      for (const { envoy } of started) envoy.signal('SIGCONT');
      await Promise.all(started.map((sidecar) => sidecar.stop()));
      await first.call('PUT', '/v1/instances', { host: 'h1', instances: [] });
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('follow each other without Valkey too', async () => {
    await valkey.stop();
    const before = await idOf(first);
    const rollouts = await readRollouts(pool, 20);
    await mesh.save(GUESTS, GUESTS_NOTHING);
    await followed(await changed(first, before));
    expect(await readRollouts(pool, 20)).toHaveLength(rollouts.length + 1);
  });

  it('know the instances of hosts that speak to the other', async () => {
    const instances = [testInstance('greeter', 1)];
    const answer = await first.call('PUT', '/v1/instances', { host: 'h1', instances });
    expect(answer.status).toBe(204);
    await eventually('the instance at the second replica', async () =>
      (await second.metric('dotline_instances')) === 1 ? true : undefined,
    );
  });
});

describe('a rollback', () => {
  it('asked of one replica is followed by the other, and outlives a restart of both', async () => {
    const before = await idOf(first);
    const answer = await second.call('POST', '/v1/rollback', { by: 'ada', reason: 'too polite' });
    expect(answer.status).toBe(200);
    const { revision, from } = JSON.parse(answer.body) as { revision: string; from: string };
    expect(from).toBe(before);
    expect(revision).not.toBe(before);
    await eventually('the same at the first replica', async () =>
      (await idOf(first)) === revision ? true : undefined,
    );

    await Promise.all([first.stop(), second.stop('SIGKILL')]);
    await Promise.all([first.start(), second.start()]);
    await Promise.all([first.ready(), second.ready()]);
    for (const replica of [first, second]) {
      await eventually('the mesh directory is read', () =>
        replica.output.includes('the mesh directory is held back') ? true : undefined,
      );
    }
    expect([await idOf(first), await idOf(second)]).toEqual([revision, revision]);
    expect(await readLiveRevision(pool)).toMatchObject({
      rollback: { reason: 'too polite', actor: { kind: 'operator', name: 'ada' }, pinned: true },
    });
  });

  it('that is not possible is refused with one line, and without the join token', async () => {
    const unknown = await first.call('POST', '/v1/rollback', { revision: '0123456' });
    expect(unknown).toEqual({ status: 404, body: 'no revision 0123456 has ever been live\n' });
    const live = await idOf(first);
    const same = await first.call('POST', '/v1/rollback', { revision: live });
    expect(same).toEqual({ status: 409, body: `revision ${live} is live already\n` });
    expect((await first.call('POST', '/v1/rollback', {}, 'wrong')).status).toBe(401);
    expect(await idOf(first)).toBe(live);
  });

  it('holds what another team changes on top of it, at both, until its own is taken back', async () => {
    const before = await idOf(first);
    await mesh.save(GREETER, greeterWith('/v1/hello/{name}'));
    const [held] = await eventually('what is held', async () => {
      const all = (await readLiveRevision(pool))?.rollback?.held ?? [];
      return all.length === 0 ? undefined : all;
    });
    expect(held?.parts).toEqual([{ team: 'guests', name: 'need of visitor for greeter.greet' }]);
    expect([await idOf(first), await idOf(second)]).toEqual([before, before]);
    await mesh.save(GUESTS, GUESTS_NEED);
    await followed(await changed(first, before));
    expect((await readLiveRevision(pool))?.rollback).toBeUndefined();
  });

  it('is released by one replica, which then makes its own mesh directory live', async () => {
    const back = await first.call('POST', '/v1/rollback', {});
    const { from } = JSON.parse(back.body) as { from: string };
    const release = await first.call('POST', '/v1/rollback/release', { by: 'ada' });
    expect(JSON.parse(release.body)).toEqual({ released: true, revision: from });
    await followed(from);
    const again = await first.call('POST', '/v1/rollback/release', { by: 'ada' });
    expect(JSON.parse(again.body)).toEqual({ released: false, revision: from });
  });

  it('is in the audit log, which is one chain of both replicas', async () => {
    const entries = await readAuditAfter(pool, 0, 200);
    const verifier = new ChainVerifier();
    for (const entry of entries) expect(verifier.add(entry)).toBeUndefined();
    expect(
      entries.map(({ action }) => action).filter((action) => /rolled-back|held|ended/.test(action)),
    ).toEqual([
      ...['revision-rolled-back', 'commit-held', 'rollback-ended'],
      ...['revision-rolled-back', 'rollback-ended'],
    ]);
  });
});

async function idOf(replica: TestControlPlane): Promise<string> {
  return (JSON.parse((await replica.get('/v1/revision')).body) as { id: string }).id;
}

async function changed(replica: TestControlPlane, before?: string): Promise<string> {
  const old = before ?? (await idOf(second));
  return eventually('a new revision', async () => {
    const id = await idOf(replica);
    return id === old ? undefined : id;
  });
}

async function followed(id: string): Promise<void> {
  await eventually('the same at the second replica', async () =>
    (await idOf(second)) === id ? true : undefined,
  );
}
