import { setTimeout as sleep } from 'node:timers/promises';
import type { Revision } from '@dotline/model/revision';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import type pg from 'pg';
import type { Logger } from 'pino';
import { CONTROL_PLANE } from './audit-event.js';
import { blame } from './blame.js';
import { untilDatabaseAnswers } from './database.js';
import type { RolloutConductor } from './fleet.js';
import type { MeshEvents } from './mesh-events.js';
import type { Metrics } from './metrics.js';
import { RejectionWatch, type UnprovenRun } from './rejection-watch.js';
import type { RollbackOrder } from './rollback.js';
import { RollbackError } from './rollback-error.js';
import { causeText, type RolloutCause, type RolloutFailure } from './rollout-failure.js';
import { isRevocation } from './rollout-plan.js';
import { isProgressive, mayStop, type RolloutPoint, type RolloutRun } from './rollout-run.js';
import { type RolloutHealth, readRolloutHealth } from './rollout-signals.js';
import {
  endRollout,
  progressOf,
  type RolloutProgress,
  type RolloutRecord,
  type RolloutState,
  readRolloutWord,
  writeRolloutProgress,
} from './rollout-store.js';
import type { RejectedResource, SidecarState } from './sidecar-state.js';
import type { StepOutcome } from './step-outcome.js';

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
  /** The instances of these services. */
  readonly nodesOf: (services: ReadonlySet<string> | 'all') => readonly string[];
  /** Waits until the connected ones of these sidecars hold what they are given. */
  readonly settled: (nodeIds: readonly string[], waitMs: number) => Promise<StepOutcome>;
  /** Whether a resource has come to a sidecar since the revision before. */
  readonly brings: (
    run: Pick<RolloutRun, 'before'>,
    nodeId: string,
    rejected: RejectedResource,
  ) => boolean;
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
  readonly #rejections: RejectionWatch;

  constructor(private readonly parts: Parts) {
    this.#rejections = new RejectionWatch({
      nodesOf: parts.nodesOf,
      settled: parts.settled,
      rejected: (run, nodeIds) => this.rejected(run, nodeIds),
      failed: (run, lastGood, causes) => {
        const failure = { step: 'switch', wave: 'all', atMs: Date.now(), causes };
        return this.#failed(run, lastGood, failure);
      },
    });
  }

  async stepping(point: RolloutPoint): Promise<void> {
    await this.#noteProgress(point, progressOf(point, 'moving', Date.now()));
  }

  async watch(point: RolloutPoint, signal: AbortSignal): Promise<readonly RolloutCause[]> {
    const { run, step } = point;
    const sinceMs = Date.now();
    const watching = progressOf(point, 'watching', sinceMs);
    const { holdMs, signalWaitMs } = watching.policy;
    await this.#noteProgress(point, watching);
    this.parts.log.info(
      { revision: run.after.id, wave: step.wave.name, sidecars: watching.instances.length },
      `revision ${run.after.id} is on ${watching.instances.length} sidecars of wave ${step.wave.name}; they are watched`,
    );
    let isPaused = false;
    for (;;) {
      if (signal.aborted || this.#promoted === run.rolloutId) return [];
      const rejected = mayStop(run) ? this.rejected(run, watching.instances) : [];
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
        await this.#noteProgress(point, { ...watching, phase: isPaused ? 'paused' : 'watching' });
      }
      const elapsedMs = Date.now() - sinceMs;
      if (!isPaused && elapsedMs >= holdMs) {
        if (isGood(health) && health.seenUntilMs >= sinceMs + holdMs) return [];
        if (elapsedMs >= holdMs + signalWaitMs) return this.#withoutSignal(run, health);
      }
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  rejected(run: UnprovenRun, nodeIds: readonly string[]): RolloutCause[] {
    const { after, startedAtMs } = run;
    return (
      [...this.parts.states(nodeIds)]
        .flatMap(([instance, { types }]) =>
          types.flatMap(({ rejected }) => rejected.map((each) => ({ instance, ...each }))),
        )
        // A sidecar that has come back refuses again what it refused long before.
        .filter((each) => each.atMs >= startedAtMs && this.parts.brings(run, each.instance, each))
        .sort((a, b) => b.atMs - a.atMs)
        .slice(0, CAUSES_MAX)
        .map(({ instance, typeUrl, name, detail }) => ({
          kind: 'rejected',
          instance,
          resource: name,
          detail,
          rules: blame(after, this.parts.serviceOf(instance) ?? '', { typeUrl, name, detail }),
        }))
    );
  }

  isRefused(services: ReadonlySet<string> | 'all'): boolean {
    return [...this.parts.states(this.parts.nodesOf(services)).values()].some(({ types }) =>
      types.some(({ rejected }) => rejected.length > 0),
    );
  }

  async ended(run: RolloutRun, failure: RolloutFailure | undefined): Promise<void> {
    if (run.rolloutId === '') return;
    if (failure !== undefined) {
      await this.#failed(run, this.#rejections.lastGood(run), failure);
      return;
    }
    this.#rejections.passed(run);
    // The usual case: it went to all at once, and nothing happened yet.
    if (!isProgressive(run)) return;
    await this.#note('done', run, undefined);
    const revision = run.after.id;
    this.parts.log.info({ revision }, `revision ${revision} has passed all its waves`);
  }

  /** Gives up what waits for PostgreSQL. */
  close(): void {
    this.#abort.abort();
    this.#rejections.end();
  }

  /** Sidecars have gone back, or do when the last good revision is live again. */
  async #failed(run: RolloutRun, lastGood: Revision, failure: RolloutFailure): Promise<void> {
    const { log } = this.parts;
    const isSuperseded = failure.causes.some(({ kind }) => kind === 'superseded');
    log[isSuperseded ? 'warn' : 'error'](
      { revision: run.after.id, wave: failure.wave, causes: failure.causes },
      `the rollout of revision ${run.after.id} goes back to ${lastGood.id}, ${reasonOf(failure)}`,
    );
    const state = isSuperseded ? 'superseded' : 'rolled-back';
    await this.#note(state, run, { ...failure, baselineId: lastGood.id });
  }

  /** Writes down the end of a rollout; before that of one that failed, the last good revision is live. */
  async #note(
    state: RolloutState,
    run: RolloutRun,
    failure: (RolloutFailure & { readonly baselineId: string }) | undefined,
  ): Promise<void> {
    const { log, pool, events } = this.parts;
    this.parts.metrics.rollouts.inc({ state });
    try {
      await untilDatabaseAnswers('ending a rollout', log, this.#abort.signal, async () => {
        if (state === 'rolled-back' && failure !== undefined) await this.#rollBack(run, failure);
        await endRollout(pool, run.rolloutId, state, failure);
      });
    } catch (error) {
      if (!this.#abort.signal.aborted)
        log.error({ err: error }, 'the end of a rollout is not kept');
    }
    events.publish({ type: 'sidecars' });
  }

  async #rollBack(
    { after }: RolloutRun,
    failure: RolloutFailure & { readonly baselineId: string },
  ): Promise<void> {
    try {
      const order = { actor: CONTROL_PLANE, reason: reasonOf(failure), onlyFrom: after.id };
      // The way of the revision before is a trace of its own.
      await context.with(ROOT_CONTEXT, () => this.parts.rollBack(failure.baselineId, order));
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

  async #noteProgress({ run }: RolloutPoint, progress: RolloutProgress): Promise<void> {
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
  const where = wave === 'all' ? '' : `in wave ${wave}: `;
  return where + causes.map(causeText).join('; ');
}
