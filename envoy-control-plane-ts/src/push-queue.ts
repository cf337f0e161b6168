/** How long pushes may keep the process from reading requests. */
const sliceMs = 5;
/** From then on one push so often takes all changes that have come meanwhile. */
const stormMs = 100;

/** A stream's place in the queue. */
export interface PushTurn {
  /** There is something to push. Said again before the push, it changes nothing. */
  due(): void;
  /** The stream is over. */
  close(): void;
}

interface Turn extends PushTurn {
  readonly push: () => void;
  /** Pushes that may go out at once, as of `filledAt`. */
  tokens: number;
  filledAt: number;
}

/**
 * Runs the pushes of all streams of a server. The first changes go out at once, and nothing waits
 * when nothing else is coming; in a storm of changes a stream is pushed what is newest, ten times a
 * second or, when pushing takes long, so seldom that it takes half of the time. Between slices the
 * process reads requests, so that clients that ask are not kept waiting by a wave of pushes to all,
 * and acknowledgements do not pile up.
 */
export class PushQueue {
  readonly #ready = new Set<Turn>();
  /** Streams that were pushed to so often lately that they wait for more to come together. */
  readonly #waiting = new Set<Turn>();
  #scheduled = false;
  #wake: NodeJS.Timeout | undefined;
  /** How long a stream waits for its next push in a storm. */
  #intervalMs = stormMs;
  #waveStart: number | undefined;

  /** @param burst so many changes in a row go out to a stream at once, each by itself */
  constructor(private readonly burst = 4) {}

  /** @param push called when it is the stream's turn */
  turn(push: () => void): PushTurn {
    const turn: Turn = {
      push,
      tokens: this.burst,
      filledAt: performance.now(),
      due: () => this.#add(turn),
      close: () => {
        this.#ready.delete(turn);
        this.#waiting.delete(turn);
      },
    };
    return turn;
  }

  #add(turn: Turn): void {
    if (this.#ready.has(turn) || this.#waiting.has(turn)) {
      return;
    }
    if (this.#mayGo(turn, performance.now())) {
      this.#ready.add(turn);
      this.#schedule();
    } else {
      this.#waiting.add(turn);
      this.#scheduleWake();
    }
  }

  #mayGo(turn: Turn, now: number): boolean {
    const filled = turn.tokens + (now - turn.filledAt) / this.#intervalMs;
    turn.tokens = Math.min(this.burst, filled);
    turn.filledAt = now;
    if (turn.tokens < 1) {
      return false;
    }
    turn.tokens -= 1;
    return true;
  }

  #scheduleWake(): void {
    this.#wake ??= setTimeout(() => {
      this.#wake = undefined;
      const now = performance.now();
      for (const turn of this.#waiting) {
        if (this.#mayGo(turn, now)) {
          this.#waiting.delete(turn);
          this.#ready.add(turn);
        }
      }
      this.#schedule();
      if (this.#waiting.size > 0) {
        this.#scheduleWake();
      }
    }, this.#intervalMs / 4).unref();
  }

  #schedule(): void {
    if (!this.#scheduled && this.#ready.size > 0) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#run();
      });
    }
  }

  #run(): void {
    const start = performance.now();
    this.#waveStart ??= start;
    try {
      for (const turn of this.#ready) {
        this.#ready.delete(turn);
        turn.push();
        if (performance.now() - start > sliceMs) {
          break;
        }
      }
    } finally {
      if (this.#ready.size === 0) {
        const tookMs = performance.now() - this.#waveStart;
        this.#intervalMs = Math.max(stormMs, 2 * tookMs);
        this.#waveStart = undefined;
      }
      this.#schedule();
    }
  }
}
