import type pg from 'pg';
import type { RolloutState } from './rollout-store.js';

/** The last time that a revision went live. */
export interface FoundRollout {
  readonly rolloutId: string;
  readonly revisionId: string;
  readonly previousId: string | undefined;
  readonly isLive: boolean;
  /** Whether every sidecar has acknowledged it. */
  readonly isEnforced: boolean;
  /** Of its way in waves; `undefined` when it went to all at once. */
  readonly state: RolloutState | undefined;
}

/** Characters that a name needs at least, so that it is not met by chance. */
const NAME_LENGTH_MIN = 7;

/**
 * Finds the last rollout of a revision by the beginning of its id or of its git commit, or the one
 * that is `live`. `undefined` when there is none.
 */
export async function findRollout(pool: pg.Pool, name: string): Promise<FoundRollout | undefined> {
  const isHex = new RegExp(`^[0-9a-f]{${NAME_LENGTH_MIN},40}$`).test(name);
  if (name !== 'live' && !isHex) return undefined;
  const { rows } = await pool.query<Row>(
    `select o.id, o.revision_id, o.previous_id, o.enforced_at, o.state, l.rollout_id is not null as is_live
       from control_plane.rollouts o
       join control_plane.revisions r on r.id = o.revision_id
       left join control_plane.live l on l.rollout_id = o.id
      where case when $1 = 'live' then l.rollout_id is not null
                 else starts_with(o.revision_id, $1) or starts_with(r.commit, $1) end
      order by o.id desc limit 1`,
    [name],
  );
  const [row] = rows;
  return (
    row && {
      rolloutId: row.id,
      revisionId: row.revision_id,
      previousId: row.previous_id ?? undefined,
      isLive: row.is_live,
      isEnforced: row.enforced_at !== null,
      state: row.state ?? undefined,
    }
  );
}

interface Row {
  readonly id: string;
  readonly revision_id: string;
  readonly previous_id: string | null;
  readonly enforced_at: Date | null;
  readonly state: RolloutState | null;
  readonly is_live: boolean;
}
