import { Worker } from 'node:worker_threads';
import type { EvaluationAnswer, EvaluationRequest } from './evaluation-worker.js';

/** A policy could not be evaluated: it ran into a conflict, used too much memory or took too long. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError';
}

/** Loading the thread is no policy's doing, so it has a limit of its own, generous to a busy machine. */
const START_TIMEOUT_MS = 60_000;

/**
 * Evaluates compiled policies in a thread of its own, one after the other, so that a policy which never
 * ends costs its own time limit and nothing else. The thread starts with the first evaluation, if it is
 * not warmed up before; idle, it keeps no process alive.
 */
export class Evaluator {
  // Built code only: a thread cannot load TypeScript, and both `src` and `dist` find it here.
  static readonly #script = new URL('../dist/evaluation-worker.js', import.meta.url);

  readonly #timeoutMs: number;
  #worker: Worker | undefined;
  #nextId = 0;
  /** The last evaluation asked for; the next one waits for it. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Starts the thread ahead of the first evaluation. */
  warmUp(): Worker {
    if (this.#worker === undefined) {
      this.#worker = new Worker(Evaluator.#script);
      this.#worker.unref();
    }
    return this.#worker;
  }

  /** @throws EvaluationError */
  evaluate(request: Omit<EvaluationRequest, 'id'>): Promise<Readonly<Record<string, unknown>>> {
    const result = this.#tail.then(() => this.#run({ ...request, id: this.#nextId++ }));
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Ends the thread after what it was asked for; another evaluation would start a new one. */
  async close(): Promise<void> {
    await this.#tail;
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  async #run(request: EvaluationRequest): Promise<Readonly<Record<string, unknown>>> {
    const worker = this.warmUp();
    worker.ref();
    const answer = await new Promise<Exclude<EvaluationAnswer, { started: true }>>(
      (resolve, reject) => {
        const abandon = (error: Error) => {
          this.#worker = undefined;
          void worker.terminate();
          finish(() => reject(error));
        };
        const abandonAfter = (timeoutMs: number, what: string) =>
          setTimeout(() => {
            abandon(new EvaluationError(`${what} takes more than ${timeoutMs / 1000} s`));
          }, timeoutMs);
        let timer = abandonAfter(START_TIMEOUT_MS, 'starting the evaluation thread');
        const onMessage = (message: EvaluationAnswer) => {
          if (!('started' in message)) return finish(() => resolve(message));
          clearTimeout(timer);
          timer = abandonAfter(this.#timeoutMs, 'evaluation');
        };
        const onError = (error: Error) => abandon(new EvaluationError(error.message));
        const finish = (settle: () => void) => {
          clearTimeout(timer);
          worker.off('message', onMessage).off('error', onError);
          worker.unref();
          settle();
        };
        worker.on('message', onMessage).on('error', onError);
        worker.postMessage(request);
      },
    );
    if ('error' in answer) throw new EvaluationError(answer.error);
    return answer.results;
  }
}
