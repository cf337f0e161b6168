import { Worker } from 'node:worker_threads';
import type { DecisionAnswer, DecisionPolicy, DecisionRequest } from './decision-worker.js';
import type { PolicyInput } from './policy-input.js';
import { UndecidedError } from './undecided-error.js';

/** What a policy may take. */
export interface PolicyBounds {
  /** For one decision. */
  readonly decisionMs: number;
  /** To start; it takes tens of milliseconds, on a machine with much else to do more. */
  readonly startMs: number;
  /** Requests that wait for their decision, and how long each may. */
  readonly waiting: number;
  readonly waitingMs: number;
  /** Whether others go first where there are not enough processors. */
  readonly givesWay: boolean;
}

/** Far more than a policy needs; a sidecar waits for a second. */
export const LIVE_BOUNDS: PolicyBounds = {
  decisionMs: 250,
  startMs: 700,
  waiting: 256,
  waitingMs: 1_000,
  givesWay: false,
};

/** Of what nobody waits for: it takes its time, and what would pile up is left out. */
export const SHADOW_BOUNDS: PolicyBounds = {
  decisionMs: 250,
  startMs: 5_000,
  waiting: 64,
  waitingMs: 5_000,
  givesWay: true,
};

/** In MiB, beside the policy's own memory. */
const HEAP_MAX = 64;

/** What rules may ask of a request, with nothing in it. */
const NOTHING: PolicyInput = {
  operation: '',
  caller: '',
  callee: '',
  method: 'GET',
  path: '/',
  parameters: {},
  query: {},
  headers: {},
  claims: null,
  time_ms: 0,
};

interface Waiting {
  readonly sinceMs: number;
  readonly request: DecisionRequest;
  readonly resolve: (rules: readonly number[]) => void;
  readonly reject: (error: UndecidedError) => void;
}

/**
 * One policy in a thread of its own, asked one request after the other: a request on which the policy never ends or
 * takes all memory is not decided; those that wait behind it are, by a new thread, and other teams' notice nothing.
 */
export class PolicyThread {
  // Built code only: a thread cannot load TypeScript, and both `src` and `dist` find it here.
  static readonly #script = new URL('../dist/decision-worker.js', import.meta.url);

  readonly #queue: Waiting[] = [];
  #worker: Worker | undefined;
  #isReady = false;
  #timer: NodeJS.Timeout | undefined;
  #nextId = 0;
  #closed = false;

  constructor(
    private readonly policy: Omit<DecisionPolicy, 'givesWay'>,
    private readonly bounds: PolicyBounds,
  ) {
    this.#start();
  }

  /** The rules that allow a request, by index; none when it is refused. @throws UndecidedError */
  decide(input: unknown): Promise<readonly number[]> {
    if (this.#closed || this.#queue.length >= this.bounds.waiting) {
      const error = new UndecidedError('too many requests wait', `${this.#queue.length} do`);
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      const request = { id: this.#nextId++, input };
      this.#queue.push({ sinceMs: performance.now(), request, resolve, reject });
      if (this.#worker === undefined) this.#start();
      if (this.#isReady && this.#queue.length === 1) this.#askNext();
    });
  }

  /** Decides about nothing in particular, so that the next request finds everything in its place. */
  async warm(): Promise<void> {
    // Rules may be undefined about it, or take too long; that is for real requests to find out.
    await this.decide(NOTHING).catch(() => undefined);
    if (this.#worker === undefined && !this.#closed) this.#start();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#end(new UndecidedError('policy is not here', 'the authorizer lets it go'));
  }

  #start(): void {
    const worker = new Worker(PolicyThread.#script, {
      workerData: { ...this.policy, givesWay: this.bounds.givesWay } satisfies DecisionPolicy,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MAX },
    });
    this.#worker = worker;
    this.#isReady = false;
    worker.on('message', (answer: DecisionAnswer) => {
      if (this.#worker === worker) this.#answered(answer);
    });
    worker.on('error', (error) => {
      if (this.#worker === worker)
        void this.#end(new UndecidedError('policy failed', error.message));
    });
    worker.unref();
    this.#within(this.bounds.startMs);
  }

  #answered(answer: DecisionAnswer): void {
    clearTimeout(this.#timer);
    if ('ready' in answer) {
      this.#isReady = true;
    } else {
      const waiting = this.#queue.shift();
      if ('rules' in answer) waiting?.resolve(answer.rules);
      else waiting?.reject(new UndecidedError('policy failed', answer.error));
    }
    this.#askNext();
  }

  #askNext(): void {
    const oldestMs = performance.now() - this.bounds.waitingMs;
    const isLate = (waiting: Waiting | undefined) => (waiting?.sinceMs ?? oldestMs) < oldestMs;
    while (isLate(this.#queue[0])) {
      const detail = `for over ${this.bounds.waitingMs} ms`;
      const error = new UndecidedError('too many requests wait', detail);
      this.#queue.shift()?.reject(error);
    }
    const [next] = this.#queue;
    if (next === undefined) return;
    this.#worker?.postMessage(next.request);
    this.#within(this.bounds.decisionMs);
  }

  #within(ms: number): void {
    this.#timer = setTimeout(
      () => void this.#end(new UndecidedError('policy takes too long', `more than ${ms} ms`)),
      ms,
    );
    this.#timer.unref();
  }

  /** Ends the thread. Of those that wait the first is to blame, unless the thread had not even started. */
  async #end(error: UndecidedError): Promise<void> {
    clearTimeout(this.#timer);
    const worker = this.#worker;
    const failed = this.#queue.splice(0, this.#isReady && !this.#closed ? 1 : this.#queue.length);
    this.#worker = undefined;
    this.#isReady = false;
    for (const { reject } of failed) reject(error);
    if (this.#queue.length > 0) this.#start();
    await worker?.terminate();
  }
}
