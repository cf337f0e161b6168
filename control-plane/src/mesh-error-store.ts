import type { Problem } from '@dotline/model/mesh-error';
import type pg from 'pg';

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

/** Replaces the problems. */
export async function writeMeshProblems(
  pool: pg.Pool,
  problems: readonly Problem[],
): Promise<void> {
  await pool.query(
    `insert into control_plane.mesh_errors (at, problems) values (now(), $1)
     on conflict (only_row) do update set at = excluded.at, problems = excluded.problems`,
    [JSON.stringify(problems)],
  );
}

/** The directory is good again. @returns whether it was not before */
export async function clearMeshProblems(pool: pg.Pool): Promise<boolean> {
  const { rowCount } = await pool.query('delete from control_plane.mesh_errors');
  return (rowCount ?? 0) > 0;
}
