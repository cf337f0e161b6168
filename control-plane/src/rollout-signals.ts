import pg from 'pg';
import { z } from 'zod';
import { TrafficFinding } from './rollout-failure.js';

/** What the SLO evaluator has seen of the traffic of one wave. */
export interface RolloutHealth {
  /** Up to when it has seen everything, milliseconds since the epoch. */
  readonly seenUntilMs: number;
  readonly findings: readonly TrafficFinding[];
  /** Why it cannot tell; `undefined` when it can. */
  readonly problem: string | undefined;
}

const Findings = z.array(TrafficFinding);

/** PostgreSQL's words for a schema or table that is not there: no SLO evaluator has ever run. */
const ABSENT = new Set(['3F000', '42P01']);

/**
 * The latest word of the SLO evaluator about the wave that a rollout watches at a step, or about a later
 * one that another replica has come to; `undefined` before there is one. From before a restart it may
 * be an old one, which has not seen enough.
 */
export async function readRolloutHealth(
  pool: pg.Pool,
  rolloutId: string,
  step: number,
): Promise<RolloutHealth | undefined> {
  try {
    const { rows } = await pool.query<{
      seen_until_ms: number;
      findings: unknown;
      problem: string | null;
    }>(
      `select seen_until_ms, findings, problem from slo.rollout_health
        where rollout_id = $1 and step >= $2`,
      [rolloutId, step],
    );
    const [row] = rows;
    return (
      row && {
        seenUntilMs: row.seen_until_ms,
        findings: Findings.parse(row.findings),
        problem: row.problem ?? undefined,
      }
    );
  } catch (error) {
    if (error instanceof pg.DatabaseError && ABSENT.has(error.code ?? '')) return undefined;
    throw error;
  }
}
