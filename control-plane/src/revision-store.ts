import { diffEdges, type EdgeDiff, type Revision } from '@dotline/model/revision';
import type { Finding } from '@dotline/policies/finding';
import type { PolicyRelations } from '@dotline/policies/relations';
import type pg from 'pg';

/** A revision with what its policies said, so that an edge can be explained later. */
export interface StoredRevision {
  readonly revision: Revision;
  readonly relations: PolicyRelations;
  readonly findings: readonly Finding[];
}

/** The live revision and how far its rollout is. */
export interface LiveRevision extends StoredRevision {
  readonly rolloutId: string;
  /** Milliseconds since the epoch. */
  readonly liveSinceMs: number;
  /** Milliseconds from live to the last sidecar's acknowledgement; `undefined` while some lag. */
  readonly enforcedInMs: number | undefined;
}

/** One time that a revision went live. */
export interface Rollout {
  readonly revisionId: string;
  readonly previousId: string | undefined;
  readonly commit: string | undefined;
  readonly liveAtMs: number;
  readonly edgeDiff: EdgeDiff;
  readonly enforcedInMs: number | undefined;
  /** How many sidecars it was enforced on. */
  readonly sidecars: number | undefined;
}

/** The row that names the live revision. */
export interface LivePointer {
  readonly revisionId: string;
  readonly rolloutId: string;
}

/**
 * Keeps a revision and makes it the live one, in one transaction. A revision that went live before
 * keeps its edges' history; only its commit and the folder it was read from are brought up to date.
 * @returns the revision as kept
 */
export async function publishRevision(
  pool: pg.Pool,
  stored: StoredRevision,
): Promise<LiveRevision> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    // One publisher at a time, whatever its replica.
    await client.query('lock table control_plane.live in exclusive mode');
    const kept = await keep(client, stored);
    const live = await setLive(client, kept);
    await client.query('commit');
    return live;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

/** The live revision, or `undefined` before the first. */
export async function readLiveRevision(pool: pg.Pool): Promise<LiveRevision | undefined> {
  const { rows } = await pool.query<LiveRow>(
    `select r.content, r.relations, r.findings, o.id as rollout_id, o.live_at, o.enforced_at
       from control_plane.live l
       join control_plane.revisions r on r.id = l.revision_id
       join control_plane.rollouts o on o.id = l.rollout_id`,
  );
  return rows[0] === undefined ? undefined : liveOf(rows[0]);
}

/** Cheap: only the ids, for whoever polls. */
export async function readLivePointer(pool: pg.Pool): Promise<LivePointer | undefined> {
  const { rows } = await pool.query<{ revision_id: string; rollout_id: string }>(
    'select revision_id, rollout_id from control_plane.live',
  );
  const row = rows[0];
  return row && { revisionId: row.revision_id, rolloutId: row.rollout_id };
}

/** A revision by id, live or past. */
export async function readRevision(pool: pg.Pool, id: string): Promise<StoredRevision | undefined> {
  const { rows } = await pool.query<StoredRow>(
    'select content, relations, findings from control_plane.revisions where id = $1',
    [id],
  );
  return rows[0] === undefined ? undefined : storedOf(rows[0]);
}

/** The revision that was live at a moment, or `undefined` when none was. */
export async function readRevisionAt(
  pool: pg.Pool,
  atMs: number,
): Promise<StoredRevision | undefined> {
  const { rows } = await pool.query<StoredRow>(
    `select r.content, r.relations, r.findings
       from control_plane.rollouts o join control_plane.revisions r on r.id = o.revision_id
      where o.live_at <= to_timestamp($1::double precision / 1000)
      order by o.id desc limit 1`,
    [atMs],
  );
  return rows[0] === undefined ? undefined : storedOf(rows[0]);
}

/** What went live, newest first. */
export async function readRollouts(pool: pg.Pool, limit: number): Promise<Rollout[]> {
  const { rows } = await pool.query<RolloutRow>(
    `select o.revision_id, o.previous_id, r.commit, o.live_at, o.edge_diff, o.enforced_at, o.sidecars
       from control_plane.rollouts o join control_plane.revisions r on r.id = o.revision_id
      order by o.id desc limit $1`,
    [limit],
  );
  return rows.map((row) => ({
    revisionId: row.revision_id,
    previousId: row.previous_id ?? undefined,
    commit: row.commit ?? undefined,
    liveAtMs: row.live_at.getTime(),
    edgeDiff: row.edge_diff,
    enforcedInMs: enforcedIn(row),
    sidecars: row.sidecars ?? undefined,
  }));
}

/** Notes that every sidecar holds what a rollout gives it; the first note stays. */
export async function markEnforced(
  pool: pg.Pool,
  rolloutId: string,
  atMs: number,
  sidecars: number,
): Promise<void> {
  await pool.query(
    `update control_plane.rollouts
        set enforced_at = to_timestamp($2::double precision / 1000), sidecars = $3
      where id = $1 and enforced_at is null`,
    [rolloutId, atMs, sidecars],
  );
}

interface StoredRow {
  readonly content: Revision;
  readonly relations: PolicyRelations;
  readonly findings: readonly Finding[];
}

interface LiveRow extends StoredRow {
  readonly rollout_id: string;
  readonly live_at: Date;
  readonly enforced_at: Date | null;
}

interface RolloutRow {
  readonly revision_id: string;
  readonly previous_id: string | null;
  readonly commit: string | null;
  readonly live_at: Date;
  readonly edge_diff: EdgeDiff;
  readonly enforced_at: Date | null;
  readonly sidecars: number | null;
}

/** Inserts a revision, or brings an old one of the same content up to date. */
async function keep(client: pg.PoolClient, stored: StoredRevision): Promise<StoredRevision> {
  const { revision, relations, findings } = stored;
  const { rows } = await client.query<StoredRow>(
    'select content, relations, findings from control_plane.revisions where id = $1 for update',
    [revision.id],
  );
  const before = rows[0]?.content;
  // The same content has one history, whatever was live in between: sidecars see no difference.
  const kept: Revision =
    before === undefined
      ? revision
      : { ...revision, createdAtMs: before.createdAtMs, edgeRevisions: before.edgeRevisions };
  await client.query(
    `insert into control_plane.revisions (id, commit, created_at, content, relations, findings)
     values ($1, $2, to_timestamp($3::double precision / 1000), $4, $5, $6)
     on conflict (id) do update set commit = excluded.commit, content = excluded.content,
       relations = excluded.relations, findings = excluded.findings`,
    [
      kept.id,
      kept.commit ?? null,
      kept.createdAtMs,
      JSON.stringify(kept),
      JSON.stringify(relations),
      JSON.stringify(findings),
    ],
  );
  return { revision: kept, relations, findings };
}

async function setLive(client: pg.PoolClient, stored: StoredRevision): Promise<LiveRevision> {
  const { rows } = await client.query<LiveRow>(
    `select r.content, o.id as rollout_id, o.live_at, o.enforced_at
       from control_plane.live l
       join control_plane.revisions r on r.id = l.revision_id
       join control_plane.rollouts o on o.id = l.rollout_id`,
  );
  const before = rows[0];
  if (before?.content.id === stored.revision.id) {
    return { ...liveOf({ ...before, ...rowOf(stored) }), ...stored };
  }
  const diff = diffEdges(before?.content.edges ?? [], stored.revision.edges);
  const inserted = await client.query<LiveRow>(
    `insert into control_plane.rollouts (revision_id, previous_id, edge_diff)
     values ($1, $2, $3) returning id as rollout_id, live_at, enforced_at`,
    [stored.revision.id, before?.content.id ?? null, JSON.stringify(diff)],
  );
  const [row] = inserted.rows;
  if (row === undefined) throw new Error('insert into rollouts returned no row');
  await client.query(
    `insert into control_plane.live (revision_id, rollout_id, since) values ($1, $2, $3)
     on conflict (only_row) do update set revision_id = excluded.revision_id,
       rollout_id = excluded.rollout_id, since = excluded.since`,
    [stored.revision.id, row.rollout_id, row.live_at],
  );
  return liveOf({ ...row, ...rowOf(stored) });
}

function rowOf({ revision, relations, findings }: StoredRevision): StoredRow {
  return { content: revision, relations, findings };
}

function storedOf(row: StoredRow): StoredRevision {
  return { revision: row.content, relations: row.relations, findings: row.findings };
}

function liveOf(row: LiveRow): LiveRevision {
  return {
    ...storedOf(row),
    rolloutId: row.rollout_id,
    liveSinceMs: row.live_at.getTime(),
    enforcedInMs: enforcedIn(row),
  };
}

function enforcedIn(row: { readonly live_at: Date; readonly enforced_at: Date | null }) {
  return row.enforced_at === null ? undefined : row.enforced_at.getTime() - row.live_at.getTime();
}
