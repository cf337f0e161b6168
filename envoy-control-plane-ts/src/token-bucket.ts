/**
 * Lets `burst` events through at once and `ratePerSecond` from then on. May go into debt: an event
 * that costs more than there is makes the next ones wait.
 */
export class TokenBucket {
  #tokens: number;
  #filledAt: number;

  constructor(
    private readonly ratePerSecond: number,
    private readonly burst: number,
  ) {
    this.#tokens = burst;
    this.#filledAt = performance.now();
  }

  take(cost = 1): void {
    this.#fill();
    this.#tokens -= cost;
  }

  /** Milliseconds until `count` tokens are there; 0 when they are. */
  waitMs(count = 1): number {
    this.#fill();
    return Math.max(0, ((count - this.#tokens) / this.ratePerSecond) * 1_000);
  }

  #fill(): void {
    const now = performance.now();
    const filled = ((now - this.#filledAt) / 1_000) * this.ratePerSecond;
    this.#tokens = Math.min(this.burst, this.#tokens + filled);
    this.#filledAt = now;
  }
}
