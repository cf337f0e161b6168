import { ClickHouseException } from './clickhouse-exception.js';

/** Bounds of one lane. */
export interface LaneBounds {
  /** For the error's text. */
  readonly name: string;
  readonly running: number;
  readonly waiting: number;
}

/**
 * Runs jobs a few at a time, first come first served. Reads and writes have a lane each, so that
 * neither can starve the other: twenty inserts at once delayed a read by 7.6 s when they shared one.
 */
export class BoundedLane {
  readonly #bounds: LaneBounds;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(bounds: LaneBounds) {
    this.#bounds = bounds;
  }

  /** Jobs that run or wait. */
  get load(): number {
    return this.#running + this.#waiting.length;
  }

  /**
   * Runs the job when its turn comes.
   * @throws ClickHouseException 202 when as many jobs wait as may; whatever the job throws
   */
  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#bounds.running) await this.#turn();
    else this.#running += 1;
    try {
      return await job();
    } finally {
      const next = this.#waiting.shift();
      // The place passes on to the next job, so that nobody overtakes it.
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#bounds.waiting) {
      throw new ClickHouseException(
        202,
        'TOO_MANY_SIMULTANEOUS_QUERIES',
        `Too many simultaneous ${this.#bounds.name} queries: ${this.#running} run, ${this.#waiting.length} wait. Try again later`,
      );
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
