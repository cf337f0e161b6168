interface Entry<Value> {
  readonly madeAtMs: number;
  readonly value: Promise<Value>;
}

/**
 * Answers that are made at most once a second for each key, however many ask, also while one is being
 * made. A failure is not kept. Holds a bounded number of keys; the oldest answer goes first.
 */
export class ShortCache {
  readonly #entries = new Map<string, Entry<unknown>>();

  constructor(
    private readonly keptMs = 1_000,
    private readonly keysMax = 500,
  ) {}

  /** The kept answer, or the one that `make` gives now. @throws what `make` throws */
  get<Value>(key: string, make: () => Promise<Value>): Promise<Value> {
    const kept = this.#entries.get(key);
    // A key's values all come from the same place, so they have the same type.
    if (kept !== undefined && Date.now() - kept.madeAtMs < this.keptMs)
      return kept.value as Promise<Value>;
    const entry = { madeAtMs: Date.now(), value: make() };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.value.catch(() => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    });
    if (this.#entries.size > this.keysMax) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    return entry.value;
  }
}
