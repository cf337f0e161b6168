import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PolicyCompiler } from '@dotline/policies/compile-policies';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { pino } from 'pino';
import { LiveMesh } from './live-mesh.js';
import { readMeshProblems } from './mesh-error-store.js';
import type { MeshEvent } from './mesh-events.js';
import { MeshPublisher } from './mesh-publisher.js';
import { beginCheckout, endCheckout } from './mesh-source/checkout-lock.js';
import { Metrics } from './metrics.js';
import { readLiveRevision } from './revision-store.js';
import { RolloutTraces } from './rollout-traces.js';
import { migrate } from './schema.js';
import { eventually } from './testing/eventually.js';
import { startTestDatabase, type TestDatabase } from './testing/test-database.js';
import { GUESTS_NEED, TestMesh } from './testing/test-mesh.js';

// Real PostgreSQL and OPA on a machine that may have other work.
jest.setTimeout(120_000);

const GUESTS = 'policies/teams/guests/guests.rego';
const LAST_DAY = '2031-05-20';
const END_MS = Date.parse('2031-05-21T00:00:00Z');

let database: TestDatabase;
let pool: pg.Pool;
let mesh: TestMesh;
let cacheDirectory: string;
let compiler: PolicyCompiler;
let live: LiveMesh;
let publisher: MeshPublisher;
let events: MeshEvent['type'][];
/** How far the publisher's clock is ahead of this machine's. */
let aheadMs = 0;

beforeAll(async () => {
  [database, mesh, cacheDirectory] = await Promise.all([
    startTestDatabase(),
    TestMesh.create(),
    mkdtemp(join(tmpdir(), 'dotline-policy-cache-')),
  ]);
  pool = new pg.Pool({ connectionString: database.url });
  // Connections that are closing may still hear that the server stops.
  pool.on('error', () => undefined);
  await migrate(pool);
  const log = pino({ level: 'silent' });
  events = [];
  compiler = new PolicyCompiler({ opaPath: process.env.OPA_PATH ?? 'opa', cacheDirectory });
  live = new LiveMesh(pool, log, () => undefined);
  publisher = new MeshPublisher({
    directory: mesh.directory,
    compiler,
    pool,
    live,
    events: { publish: ({ type }: Pick<MeshEvent, 'type'>) => void events.push(type) },
    metrics: new Metrics(),
    traces: new RolloutTraces(),
    log,
    now: () => Date.now() + aheadMs,
  });
});

afterAll(async () => {
  await publisher.close();
  live.close();
  await compiler.close();
  await pool.end();
  await database.remove();
  await mesh.remove();
  await rm(cacheDirectory, { recursive: true, force: true });
});

describe('a rule that ends while the mesh directory stays as it is', () => {
  it('becomes a problem of the directory by itself, and the last good revision stays live', async () => {
    await mesh.write(
      GUESTS,
      GUESTS_NEED.replace(
        '\nneeds',
        `\n# METADATA\n# title: A trial\n# custom:\n#   expires: ${LAST_DAY}\nneeds`,
      ),
    );
    // A compilation with a cold cache, before the time is near.
    aheadMs = END_MS - 3_600_000 - Date.now();
    await publisher.publish();
    const first = await readLiveRevision(pool);
    expect(first?.revision.edges.map(({ id }) => id)).toEqual(['visitor->greeter']);
    expect(first?.revision.edges[0]?.operations[0]?.need).toMatchObject({ expires: LAST_DAY });

    aheadMs = END_MS - 2_000 - Date.now();
    await publisher.publish();
    expect(await readMeshProblems(pool)).toBeUndefined();
    const found = await eventually('a problem', async () => await readMeshProblems(pool));
    expect(Date.now() + aheadMs).toBeGreaterThanOrEqual(END_MS);
    expect(found.problems).toEqual([
      {
        file: GUESTS,
        line: 7,
        message: `"A trial" expired: its last day was ${LAST_DAY}`,
        hint: 'remove it, or set another custom.expires',
      },
    ]);
    await eventually('an event', () => (events.includes('mesh-error') ? true : undefined));
    expect((await readLiveRevision(pool))?.revision.id).toBe(first?.revision.id);
  });

  it('is good again once it holds for longer', async () => {
    await mesh.write(GUESTS, GUESTS_NEED);
    await publisher.publish();
    expect(await readMeshProblems(pool)).toBeUndefined();
  });
});

describe('what keeps newer commits away from the mesh directory', () => {
  const away = { file: 'mesh.yaml', line: 1, message: 'branch main cannot be fetched' };

  it('is told beside what is wrong in the directory itself, and no longer than it is so', async () => {
    await publisher.setSourceProblems([away]);
    expect((await readMeshProblems(pool))?.problems).toEqual([away]);
    await mesh.write(GUESTS, `${GUESTS_NEED}\nneeds contains {\n`);
    await publisher.publish();
    const [first, second] = (await readMeshProblems(pool))?.problems ?? [];
    expect([first, second]).toEqual([away, expect.objectContaining({ file: GUESTS })]);
    await mesh.write(GUESTS, GUESTS_NEED);
    await publisher.publish();
    expect((await readMeshProblems(pool))?.problems).toEqual([away]);
    await publisher.setSourceProblems([]);
    expect(await readMeshProblems(pool)).toBeUndefined();
  });
});

describe('a mesh directory between two commits', () => {
  it('is read when it is at the second', async () => {
    const before = await readLiveRevision(pool);
    await beginCheckout(mesh.directory);
    await mesh.write(GUESTS, 'package mesh.teams.guests\n');
    const published = publisher.publish();
    const outcome = await Promise.race([published, sleep(300, 'waits')]);
    expect(outcome).toBe('waits');
    await mesh.write(GUESTS, `${GUESTS_NEED}# the same, and more\n`);
    await endCheckout(mesh.directory);
    await published;
    expect((await readLiveRevision(pool))?.revision.id).toBe(before?.revision.id);
  });
});
