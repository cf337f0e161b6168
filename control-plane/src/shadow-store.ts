import type { Revision } from '@dotline/model/revision';
import type { PolicyRelations } from '@dotline/policies/relations';
import type pg from 'pg';

/** A revision that sidecars judge beside the live one; nothing of it is enforced. */
export interface StagedRevision {
  readonly revision: Revision;
  readonly relations: PolicyRelations;
  /** As whoever staged it named it, such as `quiet (1a2b3c4d5e)`. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
}

/** Makes a revision the staged one, in place of any other. */
export async function writeStaged(pool: pg.Pool, staged: StagedRevision): Promise<void> {
  await pool.query(
    `insert into control_plane.staged (name, content, relations, started_at_ms)
     values ($1, $2, $3, $4)
     on conflict (only_row) do update set name = excluded.name, content = excluded.content,
       relations = excluded.relations, started_at_ms = excluded.started_at_ms`,
    [
      staged.name,
      JSON.stringify(staged.revision),
      JSON.stringify(staged.relations),
      staged.startedAtMs,
    ],
  );
}

/** Returns whether there was one. */
export async function clearStaged(pool: pg.Pool): Promise<boolean> {
  const { rowCount } = await pool.query('delete from control_plane.staged');
  return (rowCount ?? 0) > 0;
}

/**
 * The staged revision, or `undefined` when there is none. Its content is read only when it is another
 * one than `known`, which is returned otherwise.
 */
export async function readStaged(
  pool: pg.Pool,
  known?: StagedRevision,
): Promise<StagedRevision | undefined> {
  const pointer = await pool.query<{ started_at_ms: string }>(
    'select started_at_ms from control_plane.staged',
  );
  const startedAtMs = pointer.rows[0]?.started_at_ms;
  if (startedAtMs === undefined) return undefined;
  if (known !== undefined && Number(startedAtMs) === known.startedAtMs) return known;
  const { rows } = await pool.query<Row>(
    'select name, content, relations, started_at_ms from control_plane.staged',
  );
  const row = rows[0];
  return (
    row && {
      revision: row.content,
      relations: row.relations,
      name: row.name,
      startedAtMs: Number(row.started_at_ms),
    }
  );
}

interface Row {
  readonly name: string;
  readonly content: Revision;
  readonly relations: PolicyRelations;
  /** A bigint, which the driver gives as text. */
  readonly started_at_ms: string;
}
