import { setTimeout as sleep } from 'node:timers/promises';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import type pg from 'pg';
import type { Logger } from 'pino';
import { CONTROL_PLANE } from './audit-event.js';
import { blame } from './blame.js';
import { untilDatabaseAnswers } from './database.js';
import type { RolloutConductor } from './fleet.js';
import type { MeshEvents } from './mesh-events.js';
import type { Metrics } from './metrics.js';
import type { RollbackOrder } from './rollback.js';
import { RollbackError } from './rollback-error.js';
import { causeText, type RolloutCause, type RolloutFailure } from './rollout-failure.js';
import { isRevocation } from './rollout-plan.js';
import { isProgressive, type RolloutPoint, type RolloutRun } from './rollout-run.js';
import { type RolloutHealth, readRolloutHealth } from './rollout-signals.js';
import {
  endRollout,
  progressOf,
  type RolloutProgress,
  type RolloutRecord,
  readRolloutWord,
  writeRolloutProgress,
} from './rollout-store.js';
import type { SidecarState } from './sidecar-state.js';

const LOOK_EVERY_MS = 500;
/** A rollout that somebody paused and forgot goes on after an hour. */
const PAUSE_MS_MAX = 3_600_000;
const CAUSES_MAX = 5;

interface Parts {
  readonly pool: pg.Pool;
  readonly events: Pick<MeshEvents, 'publish'>;
  /** Of those that are connected here. */
  readonly states: (nodeIds: Iterable<string>) => ReadonlyMap<string, SidecarState>;
  readonly serviceOf: (nodeId: string) => string | undefined;
  /** @throws RollbackError */
  readonly rollBack: (target: string, order: RollbackOrder) => Promise<unknown>;
  readonly metrics: Pick<Metrics, 'rollouts'>;
  readonly log: Logger;
}

/**
 * Watches rollouts: keeps in PostgreSQL how far they are, decides after each wave whether the next may
 * come, and makes the revision before live again when one has failed. Sidecars' rejections are seen
 * here; how the traffic is, the SLO evaluator says through PostgreSQL.
 */
export class RolloutSupervision implements RolloutConductor {
  readonly #abort = new AbortController();
  /** The rollout whose further waves nobody has to watch. */
  #promoted: string | undefined;

  constructor(private readonly parts: Parts) {}

  async stepping(point: RolloutPoint): Promise<void> {
    await this.#note(point, progressOf(point, 'moving', Date.now()));
  }

  async watch(point: RolloutPoint, signal: AbortSignal): Promise<readonly RolloutCause[]> {
    const { run, step } = point;
    const sinceMs = Date.now();
    const watching = progressOf(point, 'watching', sinceMs);
    const { holdMs, signalWaitMs } = watching.policy;
    await this.#note(point, watching);
    this.parts.log.info(
      { revision: run.after.id, wave: step.wave.name, sidecars: watching.instances.length },
      `revision ${run.after.id} is on ${watching.instances.length} sidecars of wave ${step.wave.name}; they are watched`,
    );
    let isPaused = false;
    for (;;) {
      if (signal.aborted || this.#promoted === run.rolloutId) return [];
      const rejected = this.rejected(run, watching.instances);
      if (rejected.length > 0) return rejected;
      const { word, health } = await this.#words(run, watching.step);
      // Another replica has seen enough of it.
      if (word?.state === 'done') this.#promoted = run.rolloutId;
      if (word?.state === 'rolled-back' || word?.state === 'superseded') {
        return [{ kind: 'asked', by: 'another replica', reason: '' }];
      }
      const order = word?.order;
      if (order?.action === 'abort') return [{ kind: 'asked', by: order.by, reason: order.reason }];
      if (order?.action === 'promote') this.#promoted = run.rolloutId;
      if (health !== undefined && health.findings.length > 0) {
        return health.findings.slice(0, CAUSES_MAX);
      }
      const pauses = order?.action === 'pause' && Date.now() - order.atMs < PAUSE_MS_MAX;
      if (pauses !== isPaused) {
        isPaused = pauses;
        await this.#note(point, { ...watching, phase: isPaused ? 'paused' : 'watching' });
      }
      const elapsedMs = Date.now() - sinceMs;
      if (!isPaused && elapsedMs >= holdMs) {
        if (isGood(health) && health.seenUntilMs >= sinceMs + holdMs) return [];
        if (elapsedMs >= holdMs + signalWaitMs) return this.#withoutSignal(run, health);
      }
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  rejected({ after, startedAtMs }: RolloutRun, nodeIds: readonly string[]): RolloutCause[] {
    return [...this.parts.states(nodeIds)]
      .flatMap(([instance, { types }]) =>
        types.flatMap(({ rejected }) => rejected.map((each) => ({ instance, ...each }))),
      )
      .filter(({ atMs }) => atMs >= startedAtMs)
      .sort((a, b) => b.atMs - a.atMs)
      .slice(0, CAUSES_MAX)
      .map(({ instance, typeUrl, name, detail }) => ({
        kind: 'rejected',
        instance,
        resource: name,
        detail,
        rules: blame(after, this.parts.serviceOf(instance) ?? '', { typeUrl, name, detail }),
      }));
  }

  async ended(run: RolloutRun, failure: RolloutFailure | undefined): Promise<void> {
    const inWaves = isProgressive(run);
    // The usual case: it went to all at once, and nothing happened.
    if (run.rolloutId === '' || (!inWaves && failure === undefined)) return;
    const { log, pool, events } = this.parts;
    const isSuperseded = failure?.causes.some(({ kind }) => kind === 'superseded') ?? false;
    const failed = inWaves ? (isSuperseded ? 'superseded' : 'rolled-back') : 'stopped';
    const state = failure === undefined ? 'done' : failed;
    const reason = failure === undefined ? '' : reasonOf(failure);
    this.parts.metrics.rollouts.inc({ state });
    if (failure !== undefined && inWaves) {
      log[isSuperseded ? 'warn' : 'error'](
        { revision: run.after.id, wave: failure.wave, causes: failure.causes },
        `the rollout of revision ${run.after.id} has gone back to ${run.before.id}, ${reason}`,
      );
    }
    try {
      await untilDatabaseAnswers('ending a rollout', log, this.#abort.signal, async () => {
        if (state === 'rolled-back') await this.#rollBack(run, reason);
        await endRollout(pool, run.rolloutId, state, failure);
      });
    } catch (error) {
      if (!this.#abort.signal.aborted)
        log.error({ err: error }, 'the end of a rollout is not kept');
    }
    if (state === 'done') {
      log.info({ revision: run.after.id }, `revision ${run.after.id} has passed all its waves`);
    }
    events.publish({ type: 'sidecars' });
  }

  /** Gives up what waits for PostgreSQL. */
  close(): void {
    this.#abort.abort();
  }

  async #rollBack({ before, after }: RolloutRun, reason: string): Promise<void> {
    try {
      const order = { actor: CONTROL_PLANE, reason, onlyFrom: after.id };
      // The way of the revision before is a trace of its own.
      await context.with(ROOT_CONTEXT, () => this.parts.rollBack(before.id, order));
    } catch (error) {
      // A newer revision is live already, and goes out from the one before.
      if (!(error instanceof RollbackError)) throw error;
      this.parts.log.warn({ reason: error.message }, 'nothing had to be made live again');
    }
  }

  #withoutSignal(run: RolloutRun, health: RolloutHealth | undefined): RolloutCause[] {
    const reason = health?.problem ?? 'the SLO evaluator says nothing';
    const { withoutSignal = 'stop' } = run.after.mesh.rollout ?? {};
    // What is taken away has to be gone in bounded time, whether or not somebody can see the traffic.
    if (withoutSignal === 'stop' && !isRevocation(run.before, run.after)) {
      return [{ kind: 'no-signal', reason }];
    }
    const revision = run.after.id;
    this.parts.log.warn({ revision, reason }, 'a rollout goes on without a word about the traffic');
    return [];
  }

  /** What somebody wants, and how the traffic is; neither while PostgreSQL is away. */
  async #words(
    { rolloutId }: RolloutRun,
    step: number,
  ): Promise<{
    readonly word?: Pick<RolloutRecord, 'state' | 'order'> | undefined;
    readonly health?: RolloutHealth | undefined;
  }> {
    const { pool, log } = this.parts;
    try {
      const [word, health] = await Promise.all([
        readRolloutWord(pool, rolloutId),
        readRolloutHealth(pool, rolloutId, step),
      ]);
      return { word, health };
    } catch (error) {
      log.debug({ err: error }, 'the state of a rollout cannot be read');
      return {};
    }
  }

  async #note({ run }: RolloutPoint, progress: RolloutProgress): Promise<void> {
    const { pool, log, events } = this.parts;
    if (run.rolloutId === '') return;
    try {
      await writeRolloutProgress(pool, run.rolloutId, progress);
      events.publish({ type: 'sidecars' });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn({ reason }, 'how far a rollout is, is not stored');
    }
  }
}

function isGood(health: RolloutHealth | undefined): health is RolloutHealth {
  return health !== undefined && health.problem === undefined;
}

function reasonOf({ wave, causes }: RolloutFailure): string {
  return `in wave ${wave}: ${causes.map(causeText).join('; ')}`;
}
