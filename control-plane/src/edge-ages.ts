import type { Revision } from '@dotline/model/revision';
import type pg from 'pg';

/**
 * When each edge of a revision took its form: when the revision that it is named after first went live, in
 * milliseconds since the epoch, by edge id.
 */
export async function readEdgeAges(
  pool: pg.Pool,
  { edgeRevisions }: Pick<Revision, 'edgeRevisions'>,
): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ revision_id: string; since: Date }>(
    `select revision_id, min(live_at) as since from control_plane.rollouts
      where revision_id = any($1) group by revision_id`,
    [[...new Set(Object.values(edgeRevisions))]],
  );
  const since = new Map(rows.map((row) => [row.revision_id, row.since.getTime()]));
  const ages: Record<string, number> = {};
  for (const [edge, revision] of Object.entries(edgeRevisions)) {
    const sinceMs = since.get(revision);
    if (sinceMs !== undefined) ages[edge] = sinceMs;
  }
  return ages;
}
