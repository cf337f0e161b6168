import type { Edge } from '@dotline/model/edge';
import type { Instance } from '@dotline/model/instance';
import type { Mesh } from '@dotline/model/mesh';
import { makeRevision, type Revision } from '@dotline/model/revision';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { readInstances, writeHostInstances } from './instance-store.js';
import { clearMeshProblems, readMeshProblems, writeMeshProblems } from './mesh-error-store.js';
import { readRequestPolicy, writeRequestPolicies } from './request-policy-store.js';
import {
  markEnforced,
  publishRevision,
  readLivePointer,
  readLiveRevision,
  readRevision,
  readRevisionAt,
  readRollouts,
} from './revision-store.js';
import { migrate } from './schema.js';
import {
  forgetUnregisteredSidecars,
  readSidecars,
  type Sidecar,
  type SidecarType,
  writeSidecars,
} from './sidecar-store.js';
import { startTestDatabase, type TestDatabase } from './testing/test-database.js';

jest.setTimeout(120_000);

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await startTestDatabase();
  pool = new pg.Pool({ connectionString: database.url });
  // Connections that are closing may still hear that the server stops.
  pool.on('error', () => undefined);
});

afterAll(async () => {
  await pool.end();
  await database.remove();
});

describe('schema', () => {
  it('is migrated once, by however many replicas that start together', async () => {
    await Promise.all([migrate(pool), migrate(pool), migrate(pool)]);
    const { rows } = await pool.query('select number from control_plane.migrations');
    expect(rows.length).toBeGreaterThan(1);
    expect(rows).toEqual(rows.map((_, index) => ({ number: index + 1 })));
  });
});

describe('request policies', () => {
  it('are kept by their hash, the first of a hash for good', async () => {
    const policy = { team: 'hosts', hash: 'ab'.repeat(32), rules: [] };
    const document = Buffer.from([0, 255, 7]);
    await writeRequestPolicies(pool, [{ ...policy, document }]);
    await writeRequestPolicies(pool, [{ ...policy, document: Buffer.from('other') }]);
    expect(await readRequestPolicy(pool, policy.hash)).toEqual(document);
    expect(await readRequestPolicy(pool, 'cd'.repeat(32))).toBeUndefined();
  });
});

describe('revision store', () => {
  const empty = { needs: [], grants: [], baseline: [], refused: [] };
  const stored = (revision: Revision) => ({ revision, relations: empty, findings: [] });

  it('has no live revision at first', async () => {
    expect(await readLiveRevision(pool)).toBeUndefined();
    expect(await readLivePointer(pool)).toBeUndefined();
  });

  it('keeps revisions, moves the live pointer and notes what each rollout changed', async () => {
    const first = revisionOf([edge('a', 'b')], undefined);
    const second = revisionOf([edge('a', 'b'), edge('b', 'c')], first);
    const live = await publishRevision(pool, stored(first));
    expect(live.revision).toEqual(first);
    const next = await publishRevision(pool, stored(second));
    expect(await readLivePointer(pool)).toEqual({
      revisionId: second.id,
      rolloutId: next.rolloutId,
      pinned: false,
      held: 0,
    });
    expect((await readRevision(pool, first.id))?.revision).toEqual(first);
    expect((await readRevisionAt(pool, Date.now() + 1000))?.revision.id).toBe(second.id);
    expect(await readRevisionAt(pool, 0)).toBeUndefined();

    const rollouts = await readRollouts(pool, 10);
    expect(rollouts.map(({ revisionId, previousId }) => [revisionId, previousId])).toEqual([
      [second.id, first.id],
      [first.id, undefined],
    ]);
    expect(rollouts[0]?.edgeDiff).toEqual({ added: ['b->c'], removed: [], changed: [] });
  });

  it('changes nothing when the live revision is published again, but for its commit', async () => {
    const before = await readLiveRevision(pool);
    if (before === undefined) throw new Error('no live revision');
    const committed = { ...before.revision, commit: 'abc', createdAtMs: 5 };
    const live = await publishRevision(pool, stored(committed));
    expect(live.rolloutId).toBe(before.rolloutId);
    expect(live.revision).toEqual({ ...before.revision, commit: 'abc' });
    expect((await readRollouts(pool, 10))[0]?.commit).toBe('abc');
  });

  it('gives a revision that comes back the history that it had', async () => {
    const a = revisionOf([edge('x', 'y')], undefined);
    const b = revisionOf([], a);
    await publishRevision(pool, stored(a));
    await publishRevision(pool, stored(b));
    const again = { ...revisionOf([edge('x', 'y')], b), createdAtMs: 99 };
    const live = await publishRevision(pool, stored(again));
    expect(live.revision).toEqual(a);
  });

  it('notes once when a rollout was enforced', async () => {
    const live = await readLiveRevision(pool);
    if (live === undefined) throw new Error('no live revision');
    await markEnforced(pool, live.rolloutId, live.liveSinceMs + 400, 12);
    await markEnforced(pool, live.rolloutId, live.liveSinceMs + 9_000, 13);
    expect((await readLiveRevision(pool))?.enforcedInMs).toBeGreaterThanOrEqual(399);
    const [rollout] = await readRollouts(pool, 1);
    expect(rollout?.sidecars).toBe(12);
    expect(rollout?.enforcedInMs).toBeLessThanOrEqual(401);
  });

  it('has one live revision after many publishers at once', async () => {
    const revisions = Array.from({ length: 8 }, (_, index) =>
      revisionOf([edge('m', `n${index}`)], undefined),
    );
    await Promise.all(revisions.map((revision) => publishRevision(pool, stored(revision))));
    const live = await readLiveRevision(pool);
    expect(revisions.map(({ id }) => id)).toContain(live?.revision.id);
    const rollouts = await readRollouts(pool, 8);
    for (const [index, { previousId }] of rollouts.slice(0, 7).entries()) {
      expect(previousId).toBe(rollouts[index + 1]?.revisionId);
    }
  });
});

describe('instance store', () => {
  it('holds the full list of each host', async () => {
    await writeHostInstances(pool, 'h1', [instance('fare-1'), instance('fare-2')], 1_000);
    await writeHostInstances(pool, 'h2', [instance('orders-1')], 2_000);
    await writeHostInstances(pool, 'h1', [{ ...instance('fare-1'), state: 'draining' }], 3_000);
    const all = await readInstances(pool);
    expect(all).toEqual([
      {
        instance: { ...instance('fare-1'), state: 'draining' },
        host: 'h1',
        heartbeatAtMs: 3_000,
      },
      { instance: instance('orders-1'), host: 'h2', heartbeatAtMs: 2_000 },
    ]);
  });

  it('moves an instance to the host that has it now', async () => {
    await writeHostInstances(pool, 'h2', [instance('fare-1')], 4_000);
    const all = await readInstances(pool);
    expect(all.map(({ host, instance: { id } }) => [host, id])).toEqual([['h2', 'fare-1']]);
  });
});

describe('sidecar store', () => {
  const sidecar = (change: Partial<Sidecar>): Sidecar => ({
    instanceId: 'fare-1',
    service: 'fare',
    connected: true,
    ackedRevision: 'r1',
    types: [],
    atMs: Date.now(),
    ...change,
  });
  const type = (change: Partial<SidecarType>): SidecarType => ({
    typeUrl: 'cluster',
    state: 'synced',
    sentVersion: 'v1',
    ackedVersion: 'v1',
    sentAtMs: 1_000,
    ackedAtMs: undefined,
    rejections: [],
    ...change,
  });
  const rejection = {
    resource: 'outbound',
    version: 'v2',
    detail: 'regex too large',
    rules: [
      {
        edge: 'fare->maps',
        operation: 'maps.route',
        team: 'pricing',
        file: 'policies/x.rego',
        line: 3,
      },
    ],
    revision: 'r2',
    atMs: 2_000,
  };

  it('tells of each sidecar what it holds and what it rejected', async () => {
    const refused = type({
      typeUrl: 'route',
      state: 'error',
      ackedVersion: undefined,
      ackedAtMs: 1_500,
      rejections: [rejection],
    });
    await writeSidecars(pool, [
      sidecar({ types: [type({}), refused] }),
      sidecar({ instanceId: 'gone-1', types: [type({})] }),
    ]);
    expect(await readSidecars(pool)).toMatchObject([
      {
        instanceId: 'fare-1',
        connected: true,
        ackedRevision: 'r1',
        types: [type({}), refused],
      },
    ]);
  });

  it('keeps the last acknowledged revision while a newer one is not held', async () => {
    await writeSidecars(pool, [sidecar({ ackedRevision: undefined, connected: false })]);
    expect(await readSidecars(pool)).toMatchObject([{ ackedRevision: 'r1', connected: false }]);
  });

  it('keeps the types that are not written again', async () => {
    const cluster = type({ ackedVersion: 'v2' });
    await writeSidecars(pool, [sidecar({ types: [cluster] })]);
    const [{ types } = sidecar({})] = await readSidecars(pool);
    expect(types).toMatchObject([cluster, { typeUrl: 'route', rejections: [rejection] }]);
  });

  it('takes a sidecar whose control plane is silent as not connected', async () => {
    await writeSidecars(pool, [sidecar({ atMs: Date.now() - 60_000 })]);
    expect(await readSidecars(pool)).toMatchObject([{ connected: false }]);
  });

  it('forgets sidecars without an instance', async () => {
    await forgetUnregisteredSidecars(pool);
    const { rows } = await pool.query('select instance_id from control_plane.sidecars');
    expect(rows).toEqual([{ instance_id: 'fare-1' }]);
  });
});

describe('mesh error store', () => {
  it('holds the problems of now', async () => {
    expect(await clearMeshProblems(pool)).toBe(false);
    const problem = { file: 'mesh.yaml', line: 3, message: 'is wrong' };
    await writeMeshProblems(pool, [{ ...problem, line: 9 }]);
    await writeMeshProblems(pool, [problem]);
    expect((await readMeshProblems(pool))?.problems).toEqual([problem]);
    expect(await clearMeshProblems(pool)).toBe(true);
    expect(await readMeshProblems(pool)).toBeUndefined();
  });
});

function edge(caller: string, callee: string): Edge {
  const witness = { team: 't', file: 'policies/teams/t/t.rego', line: 4 };
  return {
    id: `${caller}->${callee}`,
    caller,
    callee,
    operations: [{ operation: `${callee}.get`, need: witness, grant: witness }],
  };
}

function revisionOf(edges: readonly Edge[], previous: Revision | undefined): Revision {
  const mesh: Mesh = {
    name: 'test',
    trustDomain: 'test.example',
    contact: 'someone',
    cells: [],
    teams: [],
    products: [],
    services: [],
    objectives: [],
    directory: '/mesh',
  };
  return makeRevision({ mesh, edges, createdAtMs: 1 }, previous);
}

function instance(id: string): Instance {
  return {
    id,
    service: id.replace(/-\d+$/, ''),
    cell: 'cell-1',
    zone: 'a',
    region: 'here',
    address: '127.1.2.3',
    port: 15006,
    adminAddress: '127.1.2.3:15000',
    state: 'ready',
  };
}
