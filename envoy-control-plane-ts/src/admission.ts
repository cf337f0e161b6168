import { Overloaded, type StreamRefused } from './errors.js';
import { TokenBucket } from './token-bucket.js';

/** Timers wake late by a millisecond or so; a little more than one stream is let in at a time. */
const timerMs = 2;

/** A stream that wants in. Exactly one of these is called, unless it leaves before. */
export interface Arrival {
  readonly admitted: () => void;
  readonly refused: (reason: StreamRefused) => void;
}

/**
 * Lets streams in at a bounded rate, first come first served: a cold start, or a replica that has
 * died, brings all its clients at once, and a new stream is the dearest thing there is to serve.
 * Who waits has not been read from and costs an entry in a list. A stream that could not be let in
 * within `waitMsMax` is refused when it arrives, so the queue is bounded by rate × wait.
 */
export class AdmissionQueue {
  readonly #bucket: TokenBucket;
  readonly #waiting = new Map<Arrival, { readonly sinceMs: number }>();
  #timer: NodeJS.Timeout | undefined;
  #closed: StreamRefused | undefined;

  constructor(
    ratePerSecond: number,
    burst: number,
    private readonly waitMsMax: number,
  ) {
    this.#bucket = new TokenBucket(ratePerSecond, burst);
  }

  /** Streams that wait now. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Returns how to leave before being let in; leaving later does nothing. */
  enter(arrival: Arrival): () => void {
    if (this.#closed !== undefined) {
      arrival.refused(this.#closed);
      return noop;
    }
    const waitMs = this.#bucket.waitMs(this.#waiting.size + 1);
    if (waitMs === 0) {
      this.#bucket.take();
      arrival.admitted();
      return noop;
    }
    if (waitMs > this.waitMsMax) {
      arrival.refused(this.#overloaded());
      return noop;
    }
    this.#waiting.set(arrival, { sinceMs: performance.now() });
    this.#schedule();
    return () => {
      this.#waiting.delete(arrival);
    };
  }

  /** Refuses everyone, now and from now on. */
  close(reason: StreamRefused): void {
    this.#closed = reason;
    clearTimeout(this.#timer);
    for (const arrival of this.#waiting.keys()) {
      this.#waiting.delete(arrival);
      arrival.refused(reason);
    }
  }

  #schedule(): void {
    if (this.#timer === undefined && this.#waiting.size > 0) {
      const waitMs = Math.max(timerMs, this.#bucket.waitMs());
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#letIn();
        this.#schedule();
      }, waitMs);
    }
  }

  #letIn(): void {
    const now = performance.now();
    for (const [arrival, { sinceMs }] of this.#waiting) {
      if (this.#bucket.waitMs() === 0) {
        this.#waiting.delete(arrival);
        this.#bucket.take();
        arrival.admitted();
      } else if (now - sinceMs > this.waitMsMax) {
        this.#waiting.delete(arrival);
        arrival.refused(this.#overloaded());
      } else {
        break;
      }
    }
  }

  #overloaded(): Overloaded {
    return new Overloaded(
      `too many streams arrive: ${this.#waiting.size} wait, and none may wait for more than ${this.waitMsMax} ms; try again later`,
    );
  }
}

function noop(): void {}
