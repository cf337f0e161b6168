import type { RolloutCause } from './rollout-failure.js';
import { isProgressive, mayStop, type RolloutRun } from './rollout-run.js';
import type { StepOutcome } from './step-outcome.js';

/** A sidecar that answers later than this after a rollout has its own resource refused, and no more. */
const WATCH_MS = 30_000;

/** What a sidecar's rejection is judged by: the way from the last revision that all took. */
export type UnprovenRun = Pick<RolloutRun, 'before' | 'after' | 'startedAtMs' | 'touched'>;

interface Parts {
  /** The instances of these services. */
  readonly nodesOf: (services: ReadonlySet<string> | 'all') => readonly string[];
  /** Waits until the connected ones of these sidecars hold what they are given. */
  readonly settled: (nodeIds: readonly string[], waitMs: number) => Promise<StepOutcome>;
  readonly rejected: (run: UnprovenRun, nodeIds: readonly string[]) => RolloutCause[];
  /** A sidecar has rejected what has come since the last good revision. Never rejects. */
  readonly failed: (
    run: RolloutRun,
    lastGood: RolloutRun['before'],
    causes: readonly RolloutCause[],
  ) => Promise<void>;
}

/**
 * Watches what went to all sidecars at once until they have taken it: an answer may come after the last
 * step. While one revision is watched and another comes on top, both are watched, and the last good
 * revision is the one before the first of them.
 */
export class RejectionWatch {
  #unproven: UnprovenRun | undefined;
  #round = 0;

  constructor(private readonly parts: Parts) {}

  /** The revision to go back to when a rollout fails. */
  lastGood({ before }: RolloutRun): RolloutRun['before'] {
    return this.#unproven?.before ?? before;
  }

  /** A rollout has given every sidecar its revision. */
  passed(run: RolloutRun): void {
    // What is watched wave by wave is proven; what may not be undone needs no watch.
    if (isProgressive(run) || !mayStop(run)) {
      this.end();
      return;
    }
    const { before, startedAtMs, touched } = this.#unproven ?? run;
    const both =
      touched === 'all' || run.touched === 'all' ? 'all' : new Set([...touched, ...run.touched]);
    this.#unproven = { before, after: run.after, startedAtMs, touched: both };
    this.#round += 1;
    void this.#watch(run, this.#unproven, this.#round);
  }

  /** Nothing is watched any more. */
  end(): void {
    this.#unproven = undefined;
    this.#round += 1;
  }

  async #watch(run: RolloutRun, unproven: UnprovenRun, round: number): Promise<void> {
    const { nodesOf, settled, rejected, failed } = this.parts;
    const endMs = Date.now() + WATCH_MS;
    const nodeIds = nodesOf(unproven.touched);
    for (;;) {
      const causes = rejected(unproven, nodeIds);
      if (causes.length > 0) {
        await failed(run, unproven.before, causes);
        return;
      }
      const outcome = await settled(nodeIds, Math.max(0, endMs - Date.now()));
      if (round !== this.#round) return;
      // A rejection of something else is known from now on, so that this ends.
      if (outcome === 'rejected') continue;
      this.end();
      return;
    }
  }
}
