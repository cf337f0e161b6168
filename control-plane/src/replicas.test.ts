import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { readRollouts } from './revision-store.js';
import { eventually } from './testing/eventually.js';
import { TestControlPlane } from './testing/test-control-plane.js';
import { freePort, startTestDatabase, type TestDatabase } from './testing/test-database.js';
import { GUESTS_NEED, GUESTS_NOTHING, TestMesh } from './testing/test-mesh.js';
import { TestProcess } from './testing/test-process.js';
import { testInstance } from './testing/test-revision.js';

jest.setTimeout(120_000);

const GUESTS = 'policies/teams/guests/guests.rego';

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
  const common = { databaseUrl: database.url, redisUrl: `redis://127.0.0.1:${valkeyPort}` };
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

  it('follow each other without Valkey too', async () => {
    await valkey.stop();
    const before = await idOf(first);
    await mesh.save(GUESTS, GUESTS_NOTHING);
    await followed(await changed(first, before));
    expect(await readRollouts(pool, 10)).toHaveLength(3);
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
