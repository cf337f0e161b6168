import { makeRevision } from '@dotline/model/revision';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { pino } from 'pino';
import { type AuditEntry, ChainVerifier } from './audit-chain.js';
import { CONTROL_PLANE } from './audit-event.js';
import { appendAudit, readAuditAfter, readLatestAudit } from './audit-store.js';
import { AuditTrail } from './audit-trail.js';
import { inTransaction } from './database.js';
import { clearMeshProblems, writeMeshProblems } from './mesh-error-store.js';
import { markEnforced, publishRevision } from './revision-store.js';
import { migrate } from './schema.js';
import { eventually } from './testing/eventually.js';
import { startTestDatabase, type TestDatabase } from './testing/test-database.js';
import { testEdge, testMesh } from './testing/test-revision.js';

jest.setTimeout(120_000);

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await startTestDatabase();
  pool = new pg.Pool({ connectionString: database.url });
  // Connections that are closing may still hear that the server stops.
  pool.on('error', () => undefined);
  await migrate(pool);
});

afterAll(async () => {
  await pool?.end();
  await database?.remove();
});

describe('the audit log', () => {
  it('is one chain, whoever writes at once', async () => {
    const other = new pg.Pool({ connectionString: database.url });
    try {
      await Promise.all(
        Array.from({ length: 40 }, (_, number) =>
          inTransaction(number % 2 === 0 ? pool : other, (client) =>
            appendAudit(client, {
              actor: CONTROL_PLANE,
              action: 'mesh-mended',
              details: { number },
            }),
          ),
        ),
      );
    } finally {
      await other.end();
    }
    const entries = await readAuditAfter(pool, 0, 100);
    expect(entries.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
    expect(new Set(entries.map(({ details }) => details.number)).size).toBe(40);
    expect(await brokenAt()).toBeUndefined();
  });

  it('keeps what it says through PostgreSQL, whatever is in it', async () => {
    const details = {
      numbers: [1e21, 1e-7, 0.1, 123456789012345680000, -0],
      text: 'ü😀 \u0000 \ud800 "\\',
      ключ: { b: 1, a: null, deep: [{}, []] },
      long: 'x'.repeat(5_000),
      left: undefined,
    };
    const event = { actor: CONTROL_PLANE, action: 'mesh-mended' as const, details };
    const written = await inTransaction(pool, (client) => appendAudit(client, event));
    expect((await readLatestAudit(pool, 1))[0]).toEqual(written);
    expect(written.details).toMatchObject({ text: 'ü😀 \ufffd \ufffd "\\' });
    expect(await brokenAt()).toBeUndefined();
  });

  it('has no entry of a transaction that is undone', async () => {
    const before = await readLatestAudit(pool, 1);
    const failed = inTransaction(pool, async (client) => {
      await appendAudit(client, { actor: CONTROL_PLANE, action: 'mesh-mended' });
      throw new Error('undone');
    });
    await expect(failed).rejects.toThrow('undone');
    expect(await readLatestAudit(pool, 1)).toEqual(before);
  });

  it.each([
    ['update', "update control_plane.audit_log set action = 'nothing' where sequence = 3"],
    ['update of no row', "update control_plane.audit_log set action = '' where false"],
    ['delete', 'delete from control_plane.audit_log where sequence = 3'],
    ['truncate', 'truncate control_plane.audit_log'],
    ['truncate with what depends on it', 'truncate control_plane.audit_log cascade'],
    [
      'upsert',
      `insert into control_plane.audit_log select * from control_plane.audit_log where sequence = 3
         on conflict (sequence) do update set action = ''`,
    ],
  ])('refuses an %s to everybody', async (_what, statement) => {
    await expect(pool.query(statement)).rejects.toThrow('the audit log can only grow');
    // A superuser's way around triggers.
    const around = inTransaction(pool, async (client) => {
      await client.query('set local session_replication_role = replica');
      await client.query(statement);
    });
    await expect(around).rejects.toThrow('the audit log can only grow');
    expect(await brokenAt()).toBeUndefined();
  });

  it('refuses an entry that does not follow its end', async () => {
    const [last] = await readLatestAudit(pool, 1);
    const insert = (sequence: number, previousHash: string) =>
      pool.query(
        `insert into control_plane.audit_log values ($1, now(), '{}', 'x', '{}', '{}', $2, 'x')`,
        [sequence, previousHash],
      );
    const next = (last?.sequence ?? 0) + 1;
    await expect(insert(next + 1, last?.hash ?? '')).rejects.toThrow('does not follow');
    await expect(insert(next, 'f'.repeat(64))).rejects.toThrow('does not follow');
    expect(await readLatestAudit(pool, 1)).toEqual([last]);
  });

  it('shows what the owner of the database does with its triggers off', async () => {
    await pool.query('alter table control_plane.audit_log disable trigger only_grows');
    await pool.query(
      `update control_plane.audit_log set details = details || '{"number": -1}' where sequence = 7`,
    );
    expect(await brokenAt()).toMatchObject({ sequence: 7, kind: 'changed' });
    await pool.query('delete from control_plane.audit_log where sequence = 7');
    expect(await brokenAt()).toMatchObject({ sequence: 7, kind: 'missing' });
    await pool.query('truncate control_plane.audit_log');
    await pool.query('alter table control_plane.audit_log enable always trigger only_grows');
  });

  it('is read in pages that are not too large, none of them empty before the end', async () => {
    const problems = Array.from({ length: 50 }, (_, line) => ({
      file: 'x',
      line,
      message: 'm'.repeat(2_000),
    }));
    for (let number = 0; number < 60; number++) {
      await writeMeshProblems(pool, [...problems, { file: 'x', line: number, message: 'one' }]);
    }
    const first = await readAuditAfter(pool, 0, 500);
    expect(first.length).toBeGreaterThan(10);
    expect(first.length).toBeLessThan(60);
    expect(await readAuditAfter(pool, first.length, 500)).toHaveLength(60 - first.length);
    expect(await brokenAt()).toBeUndefined();
  });
});

describe('what is written in the transaction of what it tells', () => {
  it('problems of the mesh directory when they are new, and their end', async () => {
    const problem = { file: 'mesh.yaml', line: 1, message: 'no name' };
    await clearMeshProblems(pool);
    const at = await length();
    await writeMeshProblems(pool, [problem]);
    await writeMeshProblems(pool, [problem]);
    await clearMeshProblems(pool);
    await clearMeshProblems(pool);
    expect(await since(at)).toMatchObject([
      { action: 'mesh-refused', details: { number: 1, problems: [problem] } },
      { action: 'mesh-mended' },
    ]);
  });

  it('a revision with the consents that it completes and takes back, and when it is enforced', async () => {
    const at = await length();
    const mesh = testMesh(['a', 'b', 'c']);
    const commits = { need: 'a'.repeat(40), grant: 'b'.repeat(40), own: 'c'.repeat(40) };
    const edge = testEdge('a', 'b', ['read']);
    const agreed = edge.operations.map(({ operation, need, grant }) => ({
      operation,
      need: { ...need, commit: commits.need },
      grant: { ...grant, commit: commits.grant },
    }));
    const first = makeRevision(
      { mesh, edges: [{ ...edge, operations: agreed }], commit: commits.own, createdAtMs: 1 },
      undefined,
    );
    const second = makeRevision(
      { mesh, edges: [testEdge('b', 'c', ['read'])], createdAtMs: 2 },
      first,
    );
    const relations = { needs: [], grants: [], baseline: [], refused: [] };
    const authors = new Map([
      [commits.need, 'Ada <ada@test.example>'],
      [commits.own, 'Grace <grace@test.example>'],
    ]);
    const context = { authors, directoryChanged: true };
    const live = await publishRevision(pool, { revision: first, relations, findings: [] }, context);
    await publishRevision(pool, { revision: first, relations, findings: [] }, context);
    await markEnforced(pool, live.rolloutId, live.liveSinceMs + 400, 3);
    await markEnforced(pool, live.rolloutId, live.liveSinceMs + 900, 4);
    await publishRevision(pool, { revision: second, relations, findings: [] });
    expect(await since(at)).toMatchObject([
      {
        action: 'revision-published',
        actor: { kind: 'committer', name: 'Grace <grace@test.example>' },
        subject: { revision: first.id, commit: commits.own },
        details: {
          edgesAdded: 1,
          consents: [
            {
              change: 'given',
              edge: 'a->b',
              operation: 'b.read',
              need: { commit: commits.need, author: 'Ada <ada@test.example>' },
              grant: { commit: commits.grant },
            },
          ],
        },
      },
      { action: 'revision-enforced', subject: { revision: first.id }, details: { sidecars: 3 } },
      {
        action: 'revision-published',
        actor: { kind: 'control-plane' },
        subject: { revision: second.id },
        details: {
          previous: first.id,
          edgesAdded: 1,
          edgesRemoved: 1,
          consents: [
            { change: 'given', edge: 'b->c' },
            { change: 'withdrawn', edge: 'a->b', need: { commit: commits.need } },
          ],
        },
      },
    ]);
  });
});

describe('events that belong to no transaction', () => {
  it('wait while PostgreSQL is away, then say when they happened', async () => {
    const at = await length();
    const trail = new AuditTrail(pool, pino({ level: 'silent' }));
    await database.stop();
    trail.record({ actor: CONTROL_PLANE, action: 'operator-certified', details: { first: true } });
    trail.record({ actor: CONTROL_PLANE, action: 'operator-certified' });
    await database.start();
    const entries = await eventually('both entries', async () => {
      const found = await since(at);
      return found.length === 2 ? found : undefined;
    });
    expect(entries).toMatchObject([
      { action: 'operator-certified', details: { first: true } },
      { action: 'operator-certified' },
    ]);
    await trail.close();
    expect(await brokenAt()).toBeUndefined();
  });
});

async function all(): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for (;;) {
    const page = await readAuditAfter(pool, entries.at(-1)?.sequence ?? 0, 100);
    if (page.length === 0) return entries;
    entries.push(...page);
  }
}

async function length(): Promise<number> {
  return (await readLatestAudit(pool, 1))[0]?.sequence ?? 0;
}

function since(sequence: number): Promise<AuditEntry[]> {
  return readAuditAfter(pool, sequence, 100);
}

async function brokenAt() {
  const verifier = new ChainVerifier();
  for (const entry of await all()) {
    const broken = verifier.add(entry);
    if (broken !== undefined) return broken;
  }
  return undefined;
}
