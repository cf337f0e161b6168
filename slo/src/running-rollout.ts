import { RolloutPolicy } from '@dotline/model/rollout-policy';
import pg from 'pg';
import { z } from 'zod';

/** The wave of a rollout whose traffic is to be judged, as the control plane says. */
export interface WatchedWave {
  readonly rolloutId: string;
  readonly step: number;
  /** Since when the wave's sidecars have the revision, milliseconds since the epoch. */
  readonly watchedSinceMs: number;
  /** When the first of all sidecars was given it. */
  readonly startedAtMs: number;
  readonly instances: readonly string[];
  readonly services: readonly string[];
  readonly policy: RolloutPolicy;
}

/** The part that is read of `control_plane.rollouts.progress`. */
const Progress = z.object({
  phase: z.enum(['moving', 'watching', 'paused']),
  step: z.number(),
  stepSinceMs: z.number(),
  startedAtMs: z.number(),
  instances: z.array(z.string()),
  services: z.array(z.string()),
  policy: RolloutPolicy,
});

/** PostgreSQL's words for a table or column that is not there yet: no control plane has run. */
const ABSENT = new Set(['3F000', '42P01', '42703']);

/** The wave that is watched now; `undefined` while none is. */
export async function readWatchedWave(pool: pg.Pool): Promise<WatchedWave | undefined> {
  try {
    const { rows } = await pool.query<{ id: string; progress: unknown }>(
      `select id, progress from control_plane.rollouts
        where state is not null and state = 'running' order by id desc limit 1`,
    );
    const [row] = rows;
    if (row === undefined) return undefined;
    const { phase, stepSinceMs, ...progress } = Progress.parse(row.progress);
    if (phase === 'moving') return undefined;
    return { ...progress, rolloutId: row.id, watchedSinceMs: stepSinceMs };
  } catch (error) {
    if (error instanceof pg.DatabaseError && ABSENT.has(error.code ?? '')) return undefined;
    throw error;
  }
}
