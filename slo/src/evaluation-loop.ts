import { setTimeout as sleep } from 'node:timers/promises';
import type { Evaluation } from './evaluator.js';

/** How the evaluations go; for `/healthz`. */
export interface LoopHealth {
  /** Milliseconds since the epoch; `null` before the first that succeeded. */
  readonly lastSuccessMs: number | null;
  /** Why the latest evaluation failed; `null` when it did not. */
  readonly problem: string | null;
}

/** Told about each evaluation. */
export interface LoopListener {
  evaluated(evaluation: Evaluation | undefined, durationMs: number): Promise<void>;
  failed(error: Error): void;
}

/**
 * Evaluates again and again, one at a time, at an even pace. This is the only place that tries again:
 * whatever failed is done anew with the next evaluation.
 */
export class EvaluationLoop {
  #health: LoopHealth = { lastSuccessMs: null, problem: 'not evaluated yet' };

  constructor(
    private readonly evaluate: (nowMs: number) => Promise<Evaluation | undefined>,
    private readonly listener: LoopListener,
    private readonly intervalMs: number,
  ) {}

  get health(): LoopHealth {
    return this.#health;
  }

  /** Runs until the signal; an evaluation that has begun is finished. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedMs = Date.now();
      await this.#once(startedMs);
      const pauseMs = Math.max(0, startedMs + this.intervalMs - Date.now());
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #once(startedMs: number): Promise<void> {
    try {
      const evaluation = await this.evaluate(startedMs);
      this.#health = { lastSuccessMs: startedMs, problem: null };
      await this.listener.evaluated(evaluation, Date.now() - startedMs);
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error));
      this.#health = { ...this.#health, problem: reason.message };
      this.listener.failed(reason);
    }
  }
}
