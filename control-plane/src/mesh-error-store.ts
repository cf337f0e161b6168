import type { Problem } from '@dotline/model/mesh-error';
import type pg from 'pg';
import { CONTROL_PLANE } from './audit-event.js';
import { appendAudit } from './audit-store.js';
import { inTransaction } from './database.js';

/** So many of them are named in the audit log. */
const PROBLEMS_AUDITED_MAX = 50;

/** Why the mesh directory as it is now is not live. */
export interface MeshProblems {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly problems: readonly Problem[];
}

/** The problems of the mesh directory, or `undefined` when it is live. */
export async function readMeshProblems(pool: pg.Pool): Promise<MeshProblems | undefined> {
  const { rows } = await pool.query<{ at: Date; problems: Problem[] }>(
    'select at, problems from control_plane.mesh_errors',
  );
  const row = rows[0];
  return row && { atMs: row.at.getTime(), problems: row.problems };
}

/** Replaces the problems; those that are new are an entry of the audit log. */
export async function writeMeshProblems(
  pool: pg.Pool,
  problems: readonly Problem[],
): Promise<void> {
  await inTransaction(pool, async (client) => {
    // One replica after the other, also before there is a row.
    await client.query('lock table control_plane.mesh_errors in exclusive mode');
    const { rows } = await client.query<{ is_new: boolean }>(
      `with old as (select problems from control_plane.mesh_errors),
        written as (
          insert into control_plane.mesh_errors (at, problems) values (now(), $1)
          on conflict (only_row) do update set at = excluded.at, problems = excluded.problems
        )
       select not exists (select from old where problems = $1::jsonb) as is_new`,
      [JSON.stringify(problems)],
    );
    if (rows[0]?.is_new !== true) return;
    const named = problems.slice(0, PROBLEMS_AUDITED_MAX).map((problem) => ({ ...problem }));
    const details = { number: problems.length, problems: named };
    await appendAudit(client, { actor: CONTROL_PLANE, action: 'mesh-refused', details });
  });
}

/** The directory is good again. @returns whether it was not before */
export function clearMeshProblems(pool: pg.Pool): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const { rowCount } = await client.query('delete from control_plane.mesh_errors');
    const wasBroken = (rowCount ?? 0) > 0;
    if (wasBroken) await appendAudit(client, { actor: CONTROL_PLANE, action: 'mesh-mended' });
    return wasBroken;
  });
}
