import type pg from 'pg';
import type { JsonValue } from './audit-canonical-json.js';
import { type AuditEntry, entryHash, GENESIS_HASH } from './audit-chain.js';
import type { AuditEvent } from './audit-event.js';

/** Any number that no other program of the database uses for an advisory lock. */
const LOCK = 7_346_002;
const TEXT_LENGTH_MAX = 2_000;
/** Of the details of one page. */
const PAGE_CHARACTERS_MAX = 4_000_000;

/**
 * Puts an event at the end of the audit log, in the transaction of what it tells. It takes the log's
 * lock until the transaction ends, so it is the last statement of it.
 */
export async function appendAudit(client: pg.PoolClient, event: AuditEvent): Promise<AuditEntry> {
  await client.query('select pg_advisory_xact_lock($1)', [LOCK]);
  const { rows } = await client.query<{ now: Date; last: string | null; head: string | null }>(
    `select clock_timestamp() as now, l.sequence as last, l.hash as head
       from (select 1) one left join lateral (
         select sequence, hash from control_plane.audit_log order by sequence desc limit 1
       ) l on true`,
  );
  const [tail] = rows;
  if (tail === undefined) throw new Error('the end of the audit log cannot be read');
  const content = {
    sequence: Number(tail.last ?? 0) + 1,
    at: tail.now.toISOString(),
    actor: event.actor,
    action: event.action,
    subject: event.subject ?? {},
    details: event.details ?? {},
    previousHash: tail.head ?? GENESIS_HASH,
  };
  const storable = storableOf(content) as unknown as Omit<AuditEntry, 'hash'>;
  const entry: AuditEntry = { ...storable, hash: entryHash(storable) };
  await client.query(
    `insert into control_plane.audit_log
       (sequence, at, actor, action, subject, details, previous_hash, hash)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      entry.sequence,
      entry.at,
      JSON.stringify(entry.actor),
      entry.action,
      JSON.stringify(entry.subject),
      JSON.stringify(entry.details),
      entry.previousHash,
      entry.hash,
    ],
  );
  return entry;
}

/** Entries in the order of the chain, those after a sequence number; fewer when they are large. */
export async function readAuditAfter(
  pool: pg.Pool,
  after: number,
  limit: number,
): Promise<AuditEntry[]> {
  const { rows } = await pool.query<AuditRow>(
    `select * from (
       select page.*, sum(length(details::text)) over (order by sequence) as characters,
              row_number() over (order by sequence) as place
         from (
           select * from control_plane.audit_log where sequence > $1 order by sequence limit $2
         ) page
     ) measured
     where characters <= $3 or place = 1 order by sequence`,
    [after, limit, PAGE_CHARACTERS_MAX],
  );
  return rows.map(entryOf);
}

/** The latest entries, newest first; `sinceMs` in milliseconds since the epoch. */
export async function readLatestAudit(
  pool: pg.Pool,
  limit: number,
  sinceMs = 0,
): Promise<AuditEntry[]> {
  const { rows } = await pool.query<AuditRow>(
    `select * from control_plane.audit_log where at >= to_timestamp($2::double precision / 1000)
      order by sequence desc limit $1`,
    [limit, sinceMs],
  );
  return rows.map(entryOf);
}

interface AuditRow {
  readonly sequence: string;
  readonly at: Date;
  readonly actor: AuditEntry['actor'];
  readonly action: string;
  readonly subject: AuditEntry['subject'];
  readonly details: AuditEntry['details'];
  readonly previous_hash: string;
  readonly hash: string;
}

function entryOf(row: AuditRow): AuditEntry {
  return {
    sequence: Number(row.sequence),
    at: row.at.toISOString(),
    actor: row.actor,
    action: row.action,
    subject: row.subject,
    details: row.details,
    previousHash: row.previous_hash,
    hash: row.hash,
  };
}

/**
 * The value as PostgreSQL gives it back, so that its hash can be made again: `jsonb` has neither NUL nor
 * halves of surrogate pairs, and texts of others have an end.
 */
function storableOf(value: unknown): JsonValue {
  return JSON.parse(JSON.stringify(value), (_key, member: unknown) =>
    typeof member === 'string'
      ? // Through UTF-8, which puts U+FFFD for half a pair.
        Buffer.from(member.replaceAll('\u0000', '\ufffd').slice(0, TEXT_LENGTH_MAX)).toString()
      : member,
  ) as JsonValue;
}
