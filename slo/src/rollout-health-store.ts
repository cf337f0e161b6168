import type pg from 'pg';
import type { Severity } from './burn-rate.js';
import type { ObjectiveStatus } from './objective-status-store.js';
import type { WatchedWave } from './running-rollout.js';
import type { TrafficRise } from './traffic-rise.js';

/** An alert that began during a rollout. */
export interface BurningObjective {
  readonly kind: 'objective';
  readonly objective: string;
  readonly service: string;
  readonly severity: Severity;
  /** The alert window that burns fastest, and how fast. */
  readonly window: string;
  readonly burnRate: number;
}

/** Alerts of some services' objectives that fire now and began after a moment. */
export async function readNewAlerts(
  pool: pg.Pool,
  services: readonly string[],
  sinceMs: number,
): Promise<BurningObjective[]> {
  const { rows } = await pool.query<{
    objective: string;
    service: string;
    severity: Severity;
    burn_rates: ObjectiveStatus['burnRates'];
  }>(
    `select a.objective, a.severity, s.definition->>'service' as service, s.burn_rates
       from slo.alerts a join slo.status s on s.objective = a.objective
      where a.state = 'firing' and a.since >= to_timestamp($2::double precision / 1000)
        and s.definition->>'service' = any($1)
      order by a.severity, a.objective`,
    [services, sinceMs],
  );
  return rows.map(({ burn_rates, ...alert }) => {
    const [fastest] = [...burn_rates].sort((a, b) => b.burnRate - a.burnRate);
    const { window = '?', burnRate = 0 } = fastest ?? {};
    return { kind: 'objective', ...alert, window, burnRate };
  });
}

/** Keeps what was found about the wave of a rollout; the control plane reads it. */
export async function writeRolloutHealth(
  pool: pg.Pool,
  { rolloutId, step, watchedSinceMs }: WatchedWave,
  health: {
    /** Up to when everything has been seen, milliseconds since the epoch. */
    readonly seenUntilMs: number;
    readonly findings: readonly (TrafficRise | BurningObjective)[];
    /** Why the traffic cannot be judged. */
    readonly problem: string | null;
  },
): Promise<void> {
  await pool.query(
    `insert into slo.rollout_health
       (rollout_id, step, watched_since_ms, seen_until_ms, findings, problem, at)
     values ($1, $2, $3, $4, $5, $6, now())
     on conflict (rollout_id) do update set step = excluded.step,
       watched_since_ms = excluded.watched_since_ms, seen_until_ms = excluded.seen_until_ms,
       findings = excluded.findings, problem = excluded.problem, at = excluded.at`,
    [
      rolloutId,
      step,
      watchedSinceMs,
      health.seenUntilMs,
      JSON.stringify(health.findings),
      health.problem,
    ],
  );
}
