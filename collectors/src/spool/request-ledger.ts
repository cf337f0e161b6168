/**
 * Which requests were taken, so that a repeated one is recognised: those under way with the promise
 * that they wait for, those in ClickHouse for as long as somebody may still repeat them.
 */
export class RequestLedger {
  readonly #underWay = new Map<string, Promise<void>>();
  /** Time of storing; a Map keeps the order, so the oldest come first. */
  readonly #stored = new Map<string, number>();
  readonly #storedMax: number;

  constructor(storedMax: number) {
    this.#storedMax = storedMax;
  }

  /** What a repeated request waits for; `undefined` for one never seen. */
  find(token: string): Promise<void> | undefined {
    return this.#underWay.get(token) ?? (this.#stored.has(token) ? Promise.resolve() : undefined);
  }

  /** Notes a request that is on its way; a failure makes it unknown again. */
  begin(token: string, settled: Promise<void>): void {
    this.#underWay.set(token, settled);
    settled.catch(() => this.#underWay.delete(token));
  }

  /** Notes that requests are in ClickHouse. */
  stored(tokens: readonly string[], atMs: number): void {
    for (const token of tokens) {
      this.#underWay.delete(token);
      this.#stored.set(token, atMs);
    }
    for (const token of this.#stored.keys()) {
      if (this.#stored.size <= this.#storedMax) break;
      this.#stored.delete(token);
    }
  }

  /** Forgets what got into ClickHouse before a moment. */
  forget(beforeMs: number): void {
    for (const [token, atMs] of this.#stored) {
      if (atMs >= beforeMs) break;
      this.#stored.delete(token);
    }
  }
}
