import { RolloutPolicy } from '@dotline/model/rollout-policy';
import type pg from 'pg';
import { CONTROL_PLANE } from './audit-event.js';
import { appendAudit } from './audit-store.js';
import { inTransaction } from './database.js';
import { readRevision } from './revision-store.js';
import { causeText, type RolloutFailure } from './rollout-failure.js';
import { instancesOf, type RolloutPoint, type RolloutRun, runOf } from './rollout-run.js';
import type { Wave } from './rollout-waves.js';

/**
 * How a rollout is: `running` in waves, `done` after them, `rolled-back` since something spoke against
 * it, `superseded` by one that did not wait.
 */
export type RolloutState = 'running' | 'done' | 'rolled-back' | 'superseded';

/** How far a rollout in waves is. */
export interface RolloutProgress {
  /** Index and number of its steps. */
  readonly step: number;
  readonly steps: number;
  /** Name of the step and of its wave. */
  readonly name: string;
  readonly wave: string;
  readonly waves: readonly [Wave, ...Wave[]];
  readonly phase: 'moving' | 'watching' | 'paused';
  /** The revision that the other sidecars have. */
  readonly baselineId: string;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  readonly stepSinceMs: number;
  /** While a wave is watched: its instances, and the services whose traffic tells; else empty. */
  readonly instances: readonly string[];
  readonly services: readonly string[];
  /** How many sidecars the wave has, and how many the revision touches. */
  readonly moved: number;
  readonly touched: number;
  readonly policy: RolloutPolicy;
}

/** What somebody wants of a running rollout. */
export interface RolloutOrder {
  readonly action: 'pause' | 'resume' | 'promote' | 'abort';
  readonly by: string;
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** What is known about the way of one revision. */
export interface RolloutRecord {
  readonly rolloutId: string;
  readonly revisionId: string;
  readonly state: RolloutState;
  readonly progress: RolloutProgress | undefined;
  readonly failure: RolloutFailure | undefined;
  readonly order: RolloutOrder | undefined;
}

const DEFAULT_POLICY: RolloutPolicy = RolloutPolicy.parse({});

/** Notes how far a rollout is; what another replica has noted of a later step stays. */
export async function writeRolloutProgress(
  pool: pg.Pool,
  rolloutId: string,
  progress: RolloutProgress,
): Promise<void> {
  await pool.query(
    `update control_plane.rollouts set state = 'running', progress = $2
      where id = $1 and coalesce(state, 'running') = 'running'
        and coalesce((progress->>'step')::integer, 0) <= $3`,
    [rolloutId, JSON.stringify(progress), progress.step],
  );
}

/** Notes the end of a rollout; the first note stays. */
export async function endRollout(
  pool: pg.Pool,
  rolloutId: string,
  state: RolloutState,
  failure: RolloutFailure | undefined,
): Promise<void> {
  await inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ revision_id: string }>(
      // Whom it watched was for the SLO evaluator, and may be many names.
      `update control_plane.rollouts
          set state = $2, failure = $3, progress = progress || '{"instances": [], "services": []}'
        where id = $1 and coalesce(state, 'running') = 'running'
        returning revision_id`,
      [rolloutId, state, failure === undefined ? null : JSON.stringify(failure)],
    );
    const revision = rows[0]?.revision_id;
    if (revision === undefined || failure === undefined) return;
    const details = {
      outcome: state,
      step: failure.step,
      wave: failure.wave,
      reason: failure.causes.map(causeText).join('; '),
    };
    const subject = { revision };
    await appendAudit(client, {
      actor: CONTROL_PLANE,
      action: 'rollout-stopped',
      subject,
      details,
    });
  });
}

/** The rollout that runs in waves, or the last that ran so or went back. */
export async function readLastRollout(pool: pg.Pool): Promise<RolloutRecord | undefined> {
  const { rows } = await pool.query<Row>(
    `select id, revision_id, state, progress, failure, rollout_order
       from control_plane.rollouts where state is not null
      order by state = 'running' desc, id desc limit 1`,
  );
  return rows[0] && recordOf(rows[0]);
}

/** What others say of a rollout: its state, as another replica may have ended it, and the last order. */
export async function readRolloutWord(
  pool: pg.Pool,
  rolloutId: string,
): Promise<Pick<RolloutRecord, 'state' | 'order'> | undefined> {
  const { rows } = await pool.query<Pick<Row, 'state' | 'rollout_order'>>(
    `select state, rollout_order from control_plane.rollouts where id = $1 and state is not null`,
    [rolloutId],
  );
  return rows[0] && { state: rows[0].state, order: rows[0].rollout_order ?? undefined };
}

/** Says what is wanted of the running rollout. @returns the revision; `undefined` when none runs */
export async function orderRollout(
  pool: pg.Pool,
  order: RolloutOrder,
): Promise<string | undefined> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ revision_id: string }>(
      `update control_plane.rollouts set rollout_order = $1
        where id = (select max(id) from control_plane.rollouts where state = 'running')
       returning revision_id`,
      [JSON.stringify(order)],
    );
    const revision = rows[0]?.revision_id;
    if (revision === undefined) return undefined;
    const { action, by, reason } = order;
    await appendAudit(client, {
      actor: { kind: 'operator', name: by },
      action: 'rollout-ordered',
      subject: { revision },
      details: { order: action, reason },
    });
    return revision;
  });
}

/** The rollout that the end of a process interrupted, and the step to go on with. */
export async function readInterruptedRollout(
  pool: pg.Pool,
): Promise<{ readonly run: RolloutRun; readonly index: number } | undefined> {
  const record = await readLastRollout(pool);
  if (record?.state !== 'running' || record.progress === undefined) return undefined;
  if (await isRolledBack(pool, record)) {
    await endRollout(pool, record.rolloutId, 'rolled-back', undefined);
    return undefined;
  }
  const { rolloutId, revisionId, progress } = record;
  const [before, after] = await Promise.all([
    readRevision(pool, progress.baselineId),
    readRevision(pool, revisionId),
  ]);
  if (before === undefined || after === undefined) return undefined;
  const { waves, startedAtMs, step } = progress;
  const known = { rolloutId, before: before.revision, after: after.revision, waves, startedAtMs };
  return { run: runOf(known), index: step };
}

/** Whether something else was made live by hand or by itself, just before the process ended. */
async function isRolledBack(pool: pg.Pool, { revisionId }: RolloutRecord): Promise<boolean> {
  const { rows } = await pool.query(
    `select from control_plane.live l join control_plane.rollouts o on o.id = l.rollout_id
      where o.rollback->>'fromId' = $1`,
    [revisionId],
  );
  return rows.length > 0;
}

/** How far a rollout is at one of its moments. */
export function progressOf(
  point: RolloutPoint,
  phase: RolloutProgress['phase'],
  stepSinceMs: number,
): RolloutProgress {
  const { run, index, step } = point;
  const { before, after, waves, steps, startedAtMs } = run;
  const { touched, moved } = instancesOf(point);
  const services = new Set(touched.map(({ service }) => service));
  const isWatched = phase !== 'moving';
  return {
    step: index,
    steps: steps.length,
    name: step.name,
    wave: step.wave.name,
    waves,
    phase,
    baselineId: before.id,
    startedAtMs,
    stepSinceMs,
    instances: isWatched ? moved.map(({ id }) => id) : [],
    services: isWatched ? [...services] : [],
    moved: moved.length,
    touched: touched.length,
    policy: after.mesh.rollout ?? DEFAULT_POLICY,
  };
}

interface Row {
  readonly id: string;
  readonly revision_id: string;
  readonly state: RolloutState;
  readonly progress: RolloutProgress | null;
  readonly failure: RolloutFailure | null;
  readonly rollout_order: RolloutOrder | null;
}

function recordOf(row: Row): RolloutRecord {
  return {
    rolloutId: row.id,
    revisionId: row.revision_id,
    state: row.state,
    progress: row.progress ?? undefined,
    failure: row.failure ?? undefined,
    order: row.rollout_order ?? undefined,
  };
}
