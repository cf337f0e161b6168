import type pg from 'pg';
import type { RollbackNote } from './revision-store.js';
import type { RolloutState } from './rollout-store.js';

/** The last time that a revision went live. */
export interface FoundRollout {
  readonly rolloutId: string;
  readonly revisionId: string;
  readonly previousId: string | undefined;
  readonly isLive: boolean;
  /** Whether every sidecar has acknowledged it. */
  readonly isEnforced: boolean;
  /** Of its way in waves, or that it went back; `undefined` when it went to all at once. */
  readonly state: RolloutState | undefined;
  /** The first rollback since then to something that was before it. */
  readonly rolledBack:
    | (RollbackNote & { readonly toId: string; readonly atMs: number })
    | undefined;
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
    `select o.id, o.revision_id, o.previous_id, o.enforced_at, o.state, l.rollout_id is not null as is_live,
            b.revision_id as back_to, b.live_at as back_at, b.rollback
       from control_plane.rollouts o
       join control_plane.revisions r on r.id = o.revision_id
       left join control_plane.live l on l.rollout_id = o.id
       left join lateral (
         -- A revision that is rolled back to stands where it stood when it was published.
         select b.revision_id, b.live_at, b.rollback from control_plane.rollouts b
          where b.id > o.id and b.rollback is not null and o.id > (
            select max(s.id) from control_plane.rollouts s
             where s.revision_id = b.revision_id and s.id < b.id and s.rollback is null)
          order by b.id limit 1
       ) b on true
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
      rolledBack:
        row.rollback === null || row.back_to === null
          ? undefined
          : { ...row.rollback, toId: row.back_to, atMs: row.back_at?.getTime() ?? 0 },
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
  readonly back_to: string | null;
  readonly back_at: Date | null;
  readonly rollback: RollbackNote | null;
}
