import type { EdgeAge } from '@dotline/policies/unused-edges';
import type pg from 'pg';

/** How old the edges are, by edge id, from what each rollout changed; also of edges that are gone. */
export async function readEdgeAges(pool: pg.Pool): Promise<Record<string, EdgeAge>> {
  const { rows } = await pool.query<{ edge: string; added: Date; form: Date }>(
    `select edge, max(live_at) filter (where kind = 'added') as added, max(live_at) as form
       from control_plane.rollouts,
            lateral (
              select 'added' as kind, jsonb_array_elements_text(edge_diff->'added') as edge
              union all
              select 'changed', jsonb_array_elements_text(edge_diff->'changed')
            ) as changes
      group by edge having count(*) filter (where kind = 'added') > 0`,
  );
  return Object.fromEntries(
    rows.map(({ edge, added, form }) => [
      edge,
      { addedMs: added.getTime(), formMs: form.getTime() },
    ]),
  );
}
