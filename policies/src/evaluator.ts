import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { EvaluationAnswer, EvaluationMessage, LoadedProgram } from './evaluation-worker.js';
import { threadCpuMs } from './thread-time.js';

/** A policy could not be evaluated: it ran into a conflict, used too much memory or took too long. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError';
}

/** What is asked of a program. Requests with the same key are about the same WebAssembly and data. */
export interface EvaluationRequest {
  readonly key: string;
  readonly program: () => LoadedProgram;
  readonly entrypoints: readonly string[];
  /** JSON text. */
  readonly input?: string;
}

/** Loading thread and program is no policy's doing, so it has a limit of its own, generous to a busy machine. */
const START_TIMEOUT_MS = 60_000;
/** On a busy machine a thread waits more than it works: it may take so many times its limit, but not work longer. */
const WAITING_FACTOR = 10;
const LOOK_AGAIN_MS = 100;
const THREADS_MAX = Math.min(2, availableParallelism());
/** Of WebAssembly and data: loading that takes as long as starting a thread. */
const LARGE_BYTES = 1_000_000;
/** Of what a thread makes of results; the WebAssembly's own memory is not part of it. */
const HEAP_MIB_MAX = 256;

interface Waiting {
  readonly request: EvaluationRequest;
  resolve(results: Readonly<Record<string, unknown>>): void;
  reject(error: Error): void;
}

interface Thread {
  readonly worker: Worker;
  /** Key of the program that it has loaded. */
  loaded: string | undefined;
  /** Whether that took long. */
  isLarge: boolean;
  busy: boolean;
}

/**
 * Evaluates compiled policies in threads of their own, so that a policy which never ends, or fills its
 * memory, costs its own time limit and nothing else. A thread keeps what it loaded last for requests of the same
 * key. Threads start when there is work for them; idle, they keep no process alive.
 */
export class Evaluator {
  // Built code only: a thread cannot load TypeScript, and both `src` and `dist` find it here.
  static readonly #script = new URL('../dist/evaluation-worker.js', import.meta.url);

  readonly #timeoutMs: number;
  /** The one that was asked last is the last. */
  readonly #threads: Thread[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #running = new Set<Promise<void>>();

  /** @param timeoutMs how long one evaluation may work */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Loads a program ahead of the first evaluation.
   * @throws EvaluationError
   */
  async warmUp(request: Pick<EvaluationRequest, 'key' | 'program'>): Promise<void> {
    await this.evaluate({ ...request, entrypoints: [] });
  }

  /** @throws EvaluationError */
  evaluate(request: EvaluationRequest): Promise<Readonly<Record<string, unknown>>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      this.#next();
    });
  }

  /** Ends the threads after what they were asked for; another evaluation would start new ones. */
  async close(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    await Promise.all(this.#threads.splice(0).map(({ worker }) => worker.terminate()));
  }

  #start(): Thread {
    const worker = new Worker(Evaluator.#script, {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
    });
    worker.unref();
    const thread = { worker, loaded: undefined, isLarge: false, busy: false };
    this.#threads.push(thread);
    // Whoever waits for it hears of it too; a thread that ends while idle is nobody's failure.
    worker.on('error', () => this.#forget(thread));
    return thread;
  }

  #forget(thread: Thread): void {
    const at = this.#threads.indexOf(thread);
    if (at !== -1) this.#threads.splice(at, 1);
  }

  /** Gives work to every thread that is free. */
  #next(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#freeThread();
      if (thread === undefined) return;
      const work = this.#workFor(thread);
      thread.busy = true;
      const run = this.#run(thread, work.request).then(work.resolve, work.reject);
      const done = run.finally(() => {
        this.#running.delete(done);
        thread.busy = false;
        this.#next();
      });
      this.#running.add(done);
    }
  }

  /** A large program stays loaded as long as there may be another thread; then the one that was asked last does. */
  #freeThread(): Thread | undefined {
    const free = this.#threads.filter(({ busy }) => !busy);
    const wanted = this.#waiting[0]?.request.key;
    const best = free.find(({ loaded }) => loaded === wanted) ?? free.find((each) => !each.isLarge);
    return best ?? (this.#threads.length < THREADS_MAX ? this.#start() : free[0]);
  }

  /** What the thread has loaded goes first, then what no other thread is about to have loaded. */
  #workFor(thread: Thread): Waiting {
    const elsewhere = new Set(this.#threads.filter(({ busy }) => busy).map(({ loaded }) => loaded));
    const own = this.#waiting.findIndex(({ request }) => request.key === thread.loaded);
    const fresh = this.#waiting.findIndex(({ request }) => !elsewhere.has(request.key));
    const [work] = this.#waiting.splice(own !== -1 ? own : Math.max(fresh, 0), 1);
    if (work === undefined) throw new RangeError('there is no work');
    return work;
  }

  async #run(
    thread: Thread,
    { key, program, entrypoints, input }: EvaluationRequest,
  ): Promise<Readonly<Record<string, unknown>>> {
    const loading = thread.loaded === key ? undefined : program();
    const message: EvaluationMessage = {
      entrypoints,
      ...(loading === undefined ? {} : { program: loading }),
      ...(input === undefined ? {} : { input }),
    };
    if (loading !== undefined) {
      thread.loaded = key;
      thread.isLarge = loading.wasm.byteLength + loading.data.length > LARGE_BYTES;
    }
    this.#forget(thread);
    this.#threads.push(thread);
    const answer = await this.#ask(thread, message);
    if ('error' in answer) {
      thread.loaded = undefined;
      throw new EvaluationError(answer.error);
    }
    return answer.results;
  }

  #ask(
    thread: Thread,
    message: EvaluationMessage,
  ): Promise<Exclude<EvaluationAnswer, { ready: true }>> {
    const { worker } = thread;
    worker.ref();
    return new Promise((resolve, reject) => {
      const abandon = (error: Error) => {
        this.#forget(thread);
        void worker.terminate();
        finish(() => reject(error));
      };
      const refuse = (what: string, timeoutMs: number) =>
        abandon(new EvaluationError(`${what} takes more than ${timeoutMs / 1000} s`));
      let timer = setTimeout(refuse, START_TIMEOUT_MS, 'loading the policy', START_TIMEOUT_MS);
      /** Waits until the thread has worked as long as it may, or has taken far longer than that. */
      const watch = (name: string | undefined) => {
        const endMs = performance.now() + WAITING_FACTOR * this.#timeoutMs;
        const before = threadCpuMs(name);
        const look = () => {
          const now = threadCpuMs(name);
          const workedMs =
            before === undefined || now === undefined ? this.#timeoutMs : now - before;
          if (workedMs >= this.#timeoutMs || performance.now() >= endMs) {
            return refuse('evaluation', this.#timeoutMs);
          }
          timer = setTimeout(look, Math.max(this.#timeoutMs - workedMs, LOOK_AGAIN_MS));
        };
        timer = setTimeout(look, this.#timeoutMs);
      };
      const onMessage = (answer: EvaluationAnswer) => {
        if (!('ready' in answer)) return finish(() => resolve(answer));
        clearTimeout(timer);
        watch(answer.thread);
      };
      const onError = (error: Error & { code?: string }) =>
        abandon(
          new EvaluationError(
            error.code === 'ERR_WORKER_OUT_OF_MEMORY'
              ? `its result takes more than ${HEAP_MIB_MAX} MiB`
              : error.message,
          ),
        );
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        worker.off('message', onMessage).off('error', onError);
        worker.unref();
        settle();
      };
      worker.on('message', onMessage).on('error', onError);
      worker.postMessage(message);
    });
  }
}
