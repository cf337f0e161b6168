import type { Objective } from '@dotline/model/mesh';
import type pg from 'pg';
import {
  type AlertLevel,
  type AlertState,
  type AlertStates,
  alertLevel,
  inactiveAlert,
  nextAlertState,
} from './alert-state.js';
import type { Severity } from './burn-rate.js';
import type { ObjectiveEvaluation } from './objective-evaluation.js';

/** An objective as the latest evaluation found it. */
export interface ObjectiveStatus {
  readonly objective: Objective;
  readonly revisionId: string;
  readonly good: number;
  readonly total: number;
  /** Share of good events in the objective's window; `null` without events. */
  readonly sli: number | null;
  /** Share of the error budget that is left, 1 to minus infinity; `null` without events. */
  readonly budgetLeft: number | null;
  /** By alert window, shortest first; windows without events are left out. */
  readonly burnRates: readonly { readonly window: string; readonly burnRate: number }[];
  readonly alert: AlertLevel;
  /** Milliseconds since the epoch at which the alert took its state. */
  readonly alertSinceMs: number;
  /** Milliseconds since the epoch. */
  readonly evaluatedAtMs: number;
}

/** An alert that began or ended. */
export interface AlertTransition {
  readonly evaluation: ObjectiveEvaluation;
  readonly severity: Severity;
  readonly firing: boolean;
}

/** Any number that no other program of the database uses for an advisory lock. */
const LOCK = 7_346_102;

/** What the latest evaluation found, by the objective's name. */
export async function readObjectiveStatuses(pool: pg.Pool): Promise<ObjectiveStatus[]> {
  const { rows } = await pool.query<StatusRow>(
    `select s.*, a.alerts from slo.status s
       left join (
         select objective, json_agg(json_build_object('severity', severity, 'state', state,
             'since_ms', extract(epoch from since) * 1000,
             'quiet_since_ms', extract(epoch from quiet_since) * 1000)) as alerts
           from slo.alerts group by objective
       ) a on a.objective = s.objective
      order by s.objective`,
  );
  return rows.map((row) => {
    const evaluatedAtMs = row.evaluated_at.getTime();
    const { level, sinceMs } = alertLevel(statesOf(row.alerts ?? [], evaluatedAtMs));
    return {
      objective: row.definition,
      revisionId: row.revision_id,
      good: Number(row.good),
      total: Number(row.total),
      sli: row.sli,
      budgetLeft: row.budget_left,
      burnRates: row.burn_rates,
      alert: level,
      alertSinceMs: sinceMs,
      evaluatedAtMs,
    };
  });
}

/**
 * Keeps the findings of an evaluation and moves the alerts on, in one transaction; objectives that are
 * no more are forgotten. Evaluators that write at the same time wait for each other, so that each
 * transition is answered to one of them only.
 */
export async function writeEvaluations(
  pool: pg.Pool,
  revisionId: string,
  evaluations: readonly ObjectiveEvaluation[],
  nowMs: number,
): Promise<AlertTransition[]> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock($1)', [LOCK]);
    await writeStatuses(client, revisionId, evaluations, nowMs);
    const transitions = await moveAlerts(client, evaluations, nowMs);
    await client.query('commit');
    return transitions;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

async function writeStatuses(
  client: pg.PoolClient,
  revisionId: string,
  evaluations: readonly ObjectiveEvaluation[],
  nowMs: number,
): Promise<void> {
  await client.query('delete from slo.status where objective <> all($1)', [
    evaluations.map(({ objective }) => objective.name),
  ]);
  const statuses = evaluations.map(({ objective, counts, indicator, budgetLeft, burnRates }) => ({
    objective: objective.name,
    definition: objective,
    ...counts,
    sli: indicator,
    budget_left: budgetLeft,
    burn_rates: burnRates,
  }));
  await client.query(
    `insert into slo.status (objective, revision_id, definition, good, total, sli, budget_left, burn_rates, evaluated_at)
     select objective, $1, definition, good, total, sli, budget_left, burn_rates, to_timestamp($2::double precision / 1000)
       from json_to_recordset($3) as s (objective text, definition jsonb, good bigint, total bigint,
         sli double precision, budget_left double precision, burn_rates jsonb)
     on conflict (objective) do update set revision_id = excluded.revision_id, definition = excluded.definition,
       good = excluded.good, total = excluded.total, sli = excluded.sli, budget_left = excluded.budget_left,
       burn_rates = excluded.burn_rates, evaluated_at = excluded.evaluated_at`,
    [revisionId, nowMs, JSON.stringify(statuses)],
  );
}

async function moveAlerts(
  client: pg.PoolClient,
  evaluations: readonly ObjectiveEvaluation[],
  nowMs: number,
): Promise<AlertTransition[]> {
  const { rows } = await client.query<AlertRow & { objective: string }>(
    `select objective, severity, state, extract(epoch from since)::double precision * 1000 as since_ms,
       extract(epoch from quiet_since)::double precision * 1000 as quiet_since_ms from slo.alerts`,
  );
  const stored = new Map<string, AlertRow[]>();
  for (const row of rows) stored.set(row.objective, [...(stored.get(row.objective) ?? []), row]);
  const transitions: AlertTransition[] = [];
  const changed: Record<string, unknown>[] = [];
  for (const evaluation of evaluations) {
    const { name } = evaluation.objective;
    const states = statesOf(stored.get(name) ?? [], nowMs);
    for (const severity of ['page', 'ticket'] as const) {
      const state = states[severity];
      const fires = evaluation.firing.some((rule) => rule.severity === severity);
      const next = nextAlertState(state, fires, nowMs);
      const known = stored.get(name)?.some((row) => row.severity === severity) ?? false;
      if (next.firing !== state.firing)
        transitions.push({ evaluation, severity, firing: next.firing });
      if (!known || next !== state) changed.push({ objective: name, severity, ...rowOf(next) });
    }
  }
  await client.query(
    `insert into slo.alerts (objective, severity, state, since, quiet_since)
     select objective, severity, state, to_timestamp(since_ms / 1000), to_timestamp(quiet_since_ms / 1000)
       from json_to_recordset($1) as a (objective text, severity text, state text,
         since_ms double precision, quiet_since_ms double precision)
     on conflict (objective, severity) do update set state = excluded.state, since = excluded.since,
       quiet_since = excluded.quiet_since`,
    [JSON.stringify(changed)],
  );
  return transitions;
}

interface AlertRow {
  readonly severity: Severity;
  readonly state: 'inactive' | 'firing';
  readonly since_ms: number;
  readonly quiet_since_ms: number | null;
}

interface StatusRow {
  readonly definition: Objective;
  readonly revision_id: string;
  /** PostgreSQL's bigint, as text. */
  readonly good: string;
  readonly total: string;
  readonly sli: number | null;
  readonly budget_left: number | null;
  readonly burn_rates: ObjectiveStatus['burnRates'];
  readonly evaluated_at: Date;
  readonly alerts: AlertRow[] | null;
}

function statesOf(rows: readonly AlertRow[], nowMs: number): AlertStates {
  const stateOf = (severity: Severity): AlertState => {
    const row = rows.find((candidate) => candidate.severity === severity);
    if (row === undefined) return inactiveAlert(nowMs);
    return {
      firing: row.state === 'firing',
      sinceMs: Math.round(row.since_ms),
      quietSinceMs: row.quiet_since_ms === null ? null : Math.round(row.quiet_since_ms),
    };
  };
  return { page: stateOf('page'), ticket: stateOf('ticket') };
}

function rowOf(state: AlertState): Omit<AlertRow, 'severity'> {
  return {
    state: state.firing ? 'firing' : 'inactive',
    since_ms: state.sinceMs,
    quiet_since_ms: state.quietSinceMs,
  };
}
