import type { Edge } from '@dotline/model/edge';
import type { Need } from '@dotline/policies/relations';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { pino } from 'pino';
import { readAuditAfter, readLatestAudit } from './audit-store.js';
import type { CompiledMesh } from './compiled-mesh.js';
import { LiveMesh } from './live-mesh.js';
import { readLiveRevision, readRollouts } from './revision-store.js';
import { migrate } from './schema.js';
import { startTestDatabase, type TestDatabase } from './testing/test-database.js';
import { testEdge, testMesh } from './testing/test-revision.js';

jest.setTimeout(120_000);

const ADA = { actor: { kind: 'operator', name: 'ada' }, reason: 'fares are wrong' } as const;

let database: TestDatabase;
let pool: pg.Pool;
let live: LiveMesh;
/** How often a revision was handed on to be enforced. */
let handedOn: string[];

beforeAll(async () => {
  database = await startTestDatabase();
  pool = new pg.Pool({ connectionString: database.url });
  // Connections that are closing may still hear that the server stops.
  pool.on('error', () => undefined);
});

afterAll(async () => {
  await pool?.end();
  await database?.remove();
});

/** An empty database and a control plane that has just started. */
beforeEach(async () => {
  await pool.query('drop schema if exists control_plane cascade');
  await migrate(pool);
  live = started();
});

describe('a rollback', () => {
  it('makes the revision before live again, with who, why and from which', async () => {
    const [a, b] = [await publish('a'), await publish('b')];
    const back = await live.rollBack(undefined, ADA);
    const rollback = { fromId: b, actor: ADA.actor, reason: ADA.reason, pinned: true };
    expect(back).toMatchObject({ revision: { id: a }, rollback });
    expect(await readLiveRevision(pool)).toEqual(back);
    expect(handedOn).toEqual([a, b, a]);
    expect((await readRollouts(pool, 1))[0]).toMatchObject({
      revisionId: a,
      previousId: b,
      edgeDiff: { added: ['visitor->a'], removed: ['visitor->b'] },
    });
    expect((await readLatestAudit(pool, 1))[0]).toMatchObject({
      actor: ADA.actor,
      action: 'revision-rolled-back',
      subject: { revision: a },
      details: { from: b, reason: ADA.reason },
    });
  });

  it('goes further back each time, and never forward by itself', async () => {
    const [a, b, c] = [await publish('a'), await publish('b'), await publish('c')];
    expect((await live.rollBack(undefined, ADA)).revision.id).toBe(b);
    expect((await live.rollBack(undefined, ADA)).revision.id).toBe(a);
    await expect(live.rollBack(undefined, ADA)).rejects.toThrow(
      `there is nothing before revision ${a}: it was the first to go live`,
    );
    // What was published on top of a rollback has that below it.
    const d = await publish('d');
    expect((await live.rollBack(undefined, ADA)).revision.id).toBe(a);
    expect(new Set([a, b, c, d]).size).toBe(4);
  });

  it('goes to a revision by the beginning of its id or commit', async () => {
    const a = await publish('a', 'abcdef0'.padEnd(40, '1'));
    const b = await publish('b', 'abcdef0'.padEnd(40, '2'));
    await publish('c');
    expect((await live.rollBack('abcdef01', ADA)).revision.id).toBe(a);
    expect((await live.rollBack(b.slice(0, 7), ADA)).revision.id).toBe(b);
    await expect(live.rollBack(b, ADA)).rejects.toMatchObject({
      kind: 'conflict',
      message: `revision ${b} is live already`,
    });
    await expect(live.rollBack('abcdef0', ADA)).rejects.toThrow('names more than one revision');
    await expect(live.rollBack('1234567', ADA)).rejects.toMatchObject({
      kind: 'unknown',
      message: 'no revision 1234567 has ever been live',
    });
    for (const name of ['', 'abc', 'main', "' or true --"]) {
      await expect(live.rollBack(name, ADA)).rejects.toMatchObject({ kind: 'unknown' });
    }
  });

  it('is not possible before the first revision', async () => {
    await expect(live.rollBack(undefined, ADA)).rejects.toThrow('no revision is live yet');
  });

  it('that is about one revision leaves a newer one alone', async () => {
    const [, b, c] = [await publish('a'), await publish('b'), await publish('c')];
    await expect(live.rollBack(undefined, { ...ADA, onlyFrom: b })).rejects.toThrow(
      `revision ${c} is live now, not ${b}`,
    );
    expect((await readLiveRevision(pool))?.revision.id).toBe(c);
    const back = await live.rollBack(undefined, { ...ADA, onlyFrom: c });
    expect(back.revision.id).toBe(b);
  });

  it('is given up when it cannot begin in time', async () => {
    const [, b] = [await publish('a'), await publish('b')];
    const late = live.rollBack(undefined, { ...ADA, notAfterMs: Date.now() - 1 });
    await expect(late).rejects.toThrow('nothing is rolled back');
    expect((await readLiveRevision(pool))?.revision.id).toBe(b);
  });

  it('brings a revision back to where the checkout is now', async () => {
    await publish('a');
    await live.publish(compiled('b', undefined, '/elsewhere'), never);
    const { mesh } = (await live.rollBack(undefined, ADA)).revision;
    expect(mesh.directory).toBe('/elsewhere');
    expect(mesh.services[0]?.directory).toBe('/elsewhere/services/test/a');
    expect((await readLiveRevision(pool))?.revision.mesh.directory).toBe('/elsewhere');
  });
});

describe('while a rollback is pinned', () => {
  let a: string;

  beforeEach(async () => {
    a = await publish('a');
    await publish('b');
    await live.rollBack(undefined, ADA);
  });

  it('what was rolled back stays back: read again, after a restart, and when it is committed', async () => {
    expect(await publish('b')).toBe(a);
    live = started();
    await live.refresh();
    expect(await publish('b')).toBe(a);
    // With the commit the proof of edges is another, and so is the revision's id.
    const committed = compiled('b', 'c'.repeat(40));
    expect((await live.publish(committed, never))?.revision.id).toBe(a);
    expect(handedOn).toEqual([a]);
    expect((await readLiveRevision(pool))?.rollback).toMatchObject({ pinned: true });
  });

  it('a replica that has not heard of it holds back too, and takes it over', async () => {
    const other = started();
    expect((await other.publish(compiled('b'), never))?.revision.id).toBe(a);
    expect(other.current?.rollback).toMatchObject({ pinned: true });
  });

  it('any other content goes live and ends it', async () => {
    const c = await publish('c');
    const found = await readLiveRevision(pool);
    expect(found?.revision.id).toBe(c);
    expect(found?.rollback).toBeUndefined();
    expect((await readLatestAudit(pool, 2)).map(({ action }) => action)).toEqual([
      'rollback-ended',
      'revision-published',
    ]);
    const b = await publish('b');
    expect(b).not.toBe(a);
  });

  it('what another team brings on top of it is held, with whose part is in the way', async () => {
    const [guests, hosts] = [need('guests', 'b.read'), need('hosts', 'd.read')];
    const commit = 'd'.repeat(40);
    await publish('a');
    await publishNeeds(['b', 'd'], [guests, hosts]);
    await live.rollBack(undefined, ADA);
    const other = need('others', 'c.read');
    expect(await publishNeeds(['b', 'c', 'd'], [guests, hosts, other], commit)).toBe(a);
    // One of the two has taken its part back.
    expect(await publishNeeds(['b', 'c'], [guests, other])).toBe(a);
    const held = (await readLiveRevision(pool))?.rollback?.held ?? [];
    expect(live.current?.rollback?.held).toEqual(held);
    expect(held).toMatchObject([
      {
        commit,
        parts: [{ team: 'guests', name: 'need of visitor for b.read' }, { team: 'hosts' }],
      },
      { parts: [{ team: 'guests' }] },
    ]);
    expect((await readLatestAudit(pool, 1))[0]).toMatchObject({
      action: 'commit-held',
      details: { parts: ['need of visitor for b.read of team guests'] },
    });
    // A replica that starts there holds it too; once both have changed theirs it goes on.
    live = started();
    await live.refresh();
    expect(await publishNeeds(['b', 'c'], [guests, other])).toBe(a);
    expect(await publishNeeds(['c'], [need('guests', 'c.read'), other])).not.toBe(a);
    expect(live.current?.rollback).toBeUndefined();
  });

  it('a start with the content that is live does not end it, a change to that content does', async () => {
    live = started();
    await live.refresh();
    expect(await publish('a')).toBe(a);
    expect((await readLiveRevision(pool))?.rollback).toMatchObject({ pinned: true });
    expect(await publish('b')).toBe(a);
    expect(await publish('a')).toBe(a);
    expect((await readLiveRevision(pool))?.rollback).toMatchObject({ pinned: false });
    expect(live.current?.rollback).toMatchObject({ pinned: false });
    expect(await publish('b')).not.toBe(a);
  });

  it('everything that was rolled back stays back', async () => {
    await publish('c');
    await publish('d');
    await live.rollBack(undefined, ADA);
    await live.rollBack(undefined, ADA);
    expect(live.current?.revision.id).toBe(a);
    expect(await publish('c')).toBe(a);
    expect(await publish('d')).toBe(a);
  });

  it('it is released once, and then the mesh directory goes live', async () => {
    const other = started();
    await other.refresh();
    expect(await live.release(ADA.actor)).toBe(true);
    expect(await live.release(ADA.actor)).toBe(false);
    expect(live.current?.rollback).toMatchObject({ pinned: false });
    await other.refresh();
    expect(other.current?.rollback).toMatchObject({ pinned: false });
    expect((await readLatestAudit(pool, 1))[0]).toMatchObject({
      actor: ADA.actor,
      action: 'rollback-ended',
      details: { by: 'release' },
    });
    expect(await publish('b')).not.toBe(a);
  });
});

describe('many at once', () => {
  it('leave one live revision and an unbroken history', async () => {
    await publish('a');
    const replicas = ['b', 'c', 'd'].map((name) => ({ name, replica: started() }));
    await Promise.all(
      replicas.map(async ({ name, replica }) => {
        await replica.publish(compiled(name), never);
        await replica.rollBack(undefined, ADA).catch(() => undefined);
      }),
    );
    const rollouts = await readRollouts(pool, 20);
    for (const [index, { previousId }] of rollouts.entries()) {
      expect(previousId).toBe(rollouts[index + 1]?.revisionId);
    }
    expect((await readLiveRevision(pool))?.revision.id).toBe(rollouts[0]?.revisionId);
    expect(await readAuditAfter(pool, 0, 100)).toHaveLength(
      (await readLatestAudit(pool, 1))[0]?.sequence ?? 0,
    );
  });
});

function started(): LiveMesh {
  handedOn = [];
  const seen = handedOn;
  return new LiveMesh(pool, pino({ level: 'silent' }), (now, before) => {
    if (now.rolloutId !== before?.rolloutId) seen.push(now.revision.id);
  });
}

/** Publishes a content; the id of the revision that is live then. */
async function publish(callee: string, commit?: string): Promise<string> {
  return (await live.publish(compiled(callee, commit), never))?.revision.id ?? '';
}

function need(team: string, operation: string): Need {
  const witness = { team, file: `policies/teams/${team}/rules.rego`, line: 3 };
  return { service: 'visitor', operation, witness };
}

async function publishNeeds(callees: string[], needs: Need[], commit?: string): Promise<string> {
  const base = compiled('a', commit);
  const edges = callees.map((callee) => testEdge('visitor', callee, ['read']));
  const relations = { needs, grants: [], baseline: [], refused: [] };
  return (await live.publish({ ...base, edges, relations }, never))?.revision.id ?? '';
}

/** A mesh of which one service calls one other. */
function compiled(callee: string, commit?: string, directory = '/mesh'): CompiledMesh {
  const mesh = testMesh(['a', 'b', 'c', 'd', 'visitor']);
  const services = mesh.services.map((service) => ({
    ...service,
    directory: service.directory.replace('/mesh', directory),
  }));
  const edge = testEdge('visitor', callee, ['read']);
  const operations = edge.operations.map(({ operation, need, grant }) => ({
    operation,
    need: { ...need, ...(commit === undefined ? {} : { commit }) },
    grant,
  }));
  const edges: Edge[] = [{ ...edge, operations }];
  return {
    mesh: { ...mesh, services, directory },
    edges,
    requestPolicies: [],
    relations: { needs: [], grants: [], baseline: [], refused: [] },
    findings: [],
    commit,
    nextExpiryMs: undefined,
  };
}

function never(): boolean {
  return false;
}
