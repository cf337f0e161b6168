import { diffEdges, type EdgeDiff, type Revision } from '@dotline/model/revision';
import type { Finding } from '@dotline/policies/finding';
import type { PolicyRelations } from '@dotline/policies/relations';
import type pg from 'pg';
import type { Actor } from './audit-chain.js';
import { CONTROL_PLANE } from './audit-event.js';
import { publishedDetails } from './audit-published-details.js';
import { appendAudit } from './audit-store.js';
import { inTransaction } from './database.js';
import {
  type HeldCommit,
  noteHeld,
  type Pin,
  readPin,
  removePin,
  whyHeld,
} from './rollback-pin.js';
import type { StoredRevision } from './stored-revision.js';

/** The live revision and how far its rollout is. */
export interface LiveRevision extends StoredRevision {
  readonly rolloutId: string;
  /** Milliseconds since the epoch. */
  readonly liveSinceMs: number;
  /** Milliseconds from live to the last sidecar's acknowledgement; `undefined` while some lag. */
  readonly enforcedInMs: number | undefined;
  /** When it is live because it was rolled back to. */
  readonly rollback?: RollbackNote & {
    /** Whether what was rolled back is held back still. */
    readonly pinned: boolean;
    /** What of the mesh directory has been held since, the latest last. */
    readonly held: readonly HeldCommit[];
  };
}

/** A live revision without what its policies said. */
export type LiveContent = Omit<LiveRevision, 'relations' | 'findings'>;

/** Why an earlier revision is live again. */
export interface RollbackNote {
  /** The revision that was live before. */
  readonly fromId: string;
  readonly fromCommit?: string;
  readonly actor: Actor;
  /** Empty when none was given. */
  readonly reason: string;
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
  /** Author of the commit, as Git names him. */
  readonly author: string | undefined;
  readonly rollback: RollbackNote | undefined;
}

/** The row that names the live revision. */
export interface LivePointer {
  readonly revisionId: string;
  readonly rolloutId: string;
  /** The newest one that has it; a revision may be committed after it went live. */
  readonly commit: string | undefined;
  /** Whether it was rolled back to and holds the mesh directory back. */
  readonly pinned: boolean;
  /** How much has been held since. */
  readonly held: number;
}

/** What is known about a publication beside its content. */
export interface PublicationContext {
  /** Authors of commits, by commit. */
  readonly authors: ReadonlyMap<string, string>;
  /** Who pushed the revision's commit, when that is known. */
  readonly pusher?: string | undefined;
  /** Whether the mesh directory was seen to change, rather than read at a start. */
  readonly directoryChanged: boolean;
  /** What this process takes for live; when it is, its content, which is large, is not read again. */
  readonly known?: Revision | undefined;
}

/**
 * Keeps a revision and makes it the live one, in one transaction with its entries in the audit log. A
 * revision that went live before keeps its edges' history; only its commit and the folder it was read
 * from are brought up to date. While a rollback is pinned, what still has the change that was rolled back
 * is held, and anything else ends the pin.
 * @returns the live revision: as kept, or the one rolled back to when this one is held back
 */
export function publishRevision(
  pool: pg.Pool,
  stored: StoredRevision,
  { authors, pusher, directoryChanged, known }: PublicationContext = UNKNOWN_CONTEXT,
): Promise<LiveRevision> {
  return inTransaction(pool, async (client) => {
    await lockLive(client);
    const before = await readLive(client, known);
    const pin = await readPin(client);
    const { commit } = stored.revision;
    const author = commit === undefined ? undefined : authors.get(commit);
    const actor = actorOf(pusher, author);
    if (pin !== undefined && before?.revision.id !== stored.revision.id) {
      const why = whyHeld(pin, stored);
      if (why !== undefined) {
        await hold(client, pin, stored, why, actor);
        const rolledBackTo = await readLiveRevision(client);
        if (rolledBackTo !== undefined) return rolledBackTo;
      }
    }
    const kept = await keepRevision(client, stored, author);
    const live = await makeLive(client, before, kept);
    const { id } = kept.revision;
    const isNew = live.rolloutId !== before?.rolloutId;
    const subject = { revision: id, ...(commit === undefined ? {} : { commit }) };
    const endsPin = pin !== undefined && (isNew || directoryChanged) && (await removePin(client));
    if (isNew) {
      const details = publishedDetails(kept.revision, before?.revision, authors);
      await appendAudit(client, { actor, action: 'revision-published', subject, details });
    } else if (commit !== before?.revision.commit) {
      const details = { previousCommit: before?.revision.commit };
      await appendAudit(client, { actor, action: 'revision-committed', subject, details });
    }
    if (!endsPin) return live;
    const details = { by: 'a change of the mesh directory' };
    await appendAudit(client, { actor, action: 'rollback-ended', subject, details });
    return unpinned(live);
  });
}

/** Notes that a content is not enforced, unless it is the very one that was rolled back. */
async function hold(
  client: pg.PoolClient,
  pin: Pin,
  { revision: { id, commit } }: StoredRevision,
  why: Pick<HeldCommit, 'of' | 'parts'>,
  by: Actor,
): Promise<void> {
  if (id === why.of) return;
  const subject = { revision: id, ...(commit === undefined ? {} : { commit }) };
  const isNews = await noteHeld(client, pin, { ...subject, ...why, by, atMs: Date.now() });
  if (!isNews) return;
  const parts = why.parts.map(({ team, name }) => `${name} of team ${team}`);
  const details = { rolledBack: why.of, parts };
  await appendAudit(client, { actor: by, action: 'commit-held', subject, details });
}

function actorOf(pusher: string | undefined, author: string | undefined): Actor {
  if (pusher !== undefined) return { kind: 'pusher', name: pusher };
  return author === undefined ? CONTROL_PLANE : { kind: 'committer', name: author };
}

/** One publisher at a time, whatever its replica, until the transaction ends. */
export async function lockLive(client: pg.PoolClient): Promise<void> {
  await client.query('lock table control_plane.live in exclusive mode');
}

/** The live revision, or `undefined` before the first. */
export async function readLiveRevision(
  database: Pick<pg.ClientBase, 'query'>,
): Promise<LiveRevision | undefined> {
  const live = await readLive(database);
  const stored = live && (await readRevision(database, live.revision.id));
  return live && stored && { ...live, ...stored };
}

/** The live revision without what its policies said, which is large. */
export async function readLive(
  database: Pick<pg.ClientBase, 'query'>,
  known?: Revision,
): Promise<LiveContent | undefined> {
  const { rows } = await database.query<Omit<LiveRow, 'content'> & { content: Revision | null }>(
    `select case when r.id = $1 and r.commit is not distinct from $2 then null else r.content end
              as content, o.id as rollout_id, o.live_at, o.enforced_at,
            o.rollback, p.rollout_id is not null as pinned, coalesce(p.held, '[]') as held
       from control_plane.live l
       join control_plane.revisions r on r.id = l.revision_id
       join control_plane.rollouts o on o.id = l.rollout_id
       left join control_plane.pin p on p.rollout_id = l.rollout_id`,
    [known?.id ?? null, known?.commit ?? null],
  );
  const [row] = rows;
  const content = row?.content ?? known;
  return row === undefined || content === undefined ? undefined : liveOf({ ...row, content });
}

/** Cheap: only the ids, for whoever polls. */
export async function readLivePointer(pool: pg.Pool): Promise<LivePointer | undefined> {
  const { rows } = await pool.query<{
    revision_id: string;
    rollout_id: string;
    commit: string | null;
    pinned: boolean;
    held: number;
  }>(
    `select l.revision_id, l.rollout_id, r.commit, p.rollout_id is not null as pinned,
            jsonb_array_length(coalesce(p.held, '[]')) as held
       from control_plane.live l
       join control_plane.revisions r on r.id = l.revision_id
       left join control_plane.pin p on p.rollout_id = l.rollout_id`,
  );
  const row = rows[0];
  return (
    row && {
      revisionId: row.revision_id,
      rolloutId: row.rollout_id,
      commit: row.commit ?? undefined,
      pinned: row.pinned,
      held: row.held,
    }
  );
}

/** A revision by id, live or past. */
export async function readRevision(
  database: Pick<pg.ClientBase, 'query'>,
  id: string,
): Promise<StoredRevision | undefined> {
  const { rows } = await database.query<StoredRow>(
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
    `select o.revision_id, o.previous_id, r.commit, r.author, o.live_at, o.edge_diff, o.enforced_at,
            o.sidecars, o.rollback
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
    author: row.author ?? undefined,
    rollback: row.rollback ?? undefined,
  }));
}

/** Notes that every sidecar holds what a rollout gives it; the first note stays. */
export async function markEnforced(
  pool: pg.Pool,
  rolloutId: string,
  atMs: number,
  sidecars: number,
): Promise<void> {
  await inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ revision_id: string; live_at: Date; enforced_at: Date }>(
      `update control_plane.rollouts
          set enforced_at = to_timestamp($2::double precision / 1000), sidecars = $3
        where id = $1 and enforced_at is null
        returning revision_id, live_at, enforced_at`,
      [rolloutId, atMs, sidecars],
    );
    const [row] = rows;
    if (row === undefined) return;
    await appendAudit(client, {
      actor: CONTROL_PLANE,
      action: 'revision-enforced',
      subject: { revision: row.revision_id },
      details: { sidecars, tookMs: enforcedIn(row) ?? 0 },
    });
  });
}

const UNKNOWN_CONTEXT: PublicationContext = { authors: new Map(), directoryChanged: false };

interface StoredRow {
  readonly content: Revision;
  readonly relations: PolicyRelations;
  readonly findings: readonly Finding[];
}

interface LiveRow {
  readonly content: Revision;
  readonly rollout_id: string;
  readonly live_at: Date;
  readonly enforced_at: Date | null;
  readonly rollback: RollbackNote | null;
  readonly pinned: boolean;
  readonly held: readonly HeldCommit[];
}

interface RolloutRow {
  readonly revision_id: string;
  readonly previous_id: string | null;
  readonly commit: string | null;
  readonly author: string | null;
  readonly rollback: RollbackNote | null;
  readonly live_at: Date;
  readonly edge_diff: EdgeDiff;
  readonly enforced_at: Date | null;
  readonly sidecars: number | null;
}

/** Inserts a revision, or brings an old one of the same content up to date. */
export async function keepRevision(
  client: pg.PoolClient,
  stored: StoredRevision,
  author?: string,
): Promise<StoredRevision> {
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
    `insert into control_plane.revisions (id, commit, created_at, content, relations, findings, author)
     values ($1, $2, to_timestamp($3::double precision / 1000), $4, $5, $6, $7)
     on conflict (id) do update set commit = excluded.commit, content = excluded.content,
       relations = excluded.relations, findings = excluded.findings, author = excluded.author`,
    [
      kept.id,
      kept.commit ?? null,
      kept.createdAtMs,
      JSON.stringify(kept),
      JSON.stringify(relations),
      JSON.stringify(findings),
      author ?? null,
    ],
  );
  return { revision: kept, relations, findings };
}

/** Makes a kept revision the live one, unless it is already. */
export async function makeLive(
  client: pg.PoolClient,
  before: LiveContent | undefined,
  stored: StoredRevision,
  rollback?: RollbackNote,
): Promise<LiveRevision> {
  if (before?.revision.id === stored.revision.id) return { ...before, ...stored };
  const diff = diffEdges(before?.revision.edges ?? [], stored.revision.edges);
  const inserted = await client.query<Omit<LiveRow, 'content' | 'pinned' | 'held'>>(
    `insert into control_plane.rollouts (revision_id, previous_id, edge_diff, rollback)
     values ($1, $2, $3, $4) returning id as rollout_id, live_at, enforced_at, rollback`,
    [
      stored.revision.id,
      before?.revision.id ?? null,
      JSON.stringify(diff),
      rollback === undefined ? null : JSON.stringify(rollback),
    ],
  );
  const [row] = inserted.rows;
  if (row === undefined) throw new Error('insert into rollouts returned no row');
  await client.query(
    `insert into control_plane.live (revision_id, rollout_id, since) values ($1, $2, $3)
     on conflict (only_row) do update set revision_id = excluded.revision_id,
       rollout_id = excluded.rollout_id, since = excluded.since`,
    [stored.revision.id, row.rollout_id, row.live_at],
  );
  const content = stored.revision;
  return { ...stored, ...liveOf({ ...row, content, pinned: rollback !== undefined, held: [] }) };
}

/** The same when its pin has ended. */
export function unpinned(live: LiveRevision): LiveRevision {
  return live.rollback === undefined
    ? live
    : { ...live, rollback: { ...live.rollback, pinned: false, held: [] } };
}

function storedOf(row: StoredRow): StoredRevision {
  return { revision: row.content, relations: row.relations, findings: row.findings };
}

function liveOf(row: LiveRow): LiveContent {
  return {
    revision: row.content,
    rolloutId: row.rollout_id,
    liveSinceMs: row.live_at.getTime(),
    enforcedInMs: enforcedIn(row),
    ...(row.rollback === null
      ? {}
      : { rollback: { ...row.rollback, pinned: row.pinned, held: row.held } }),
  };
}

function enforcedIn(row: { readonly live_at: Date; readonly enforced_at: Date | null }) {
  return row.enforced_at === null ? undefined : row.enforced_at.getTime() - row.live_at.getTime();
}
