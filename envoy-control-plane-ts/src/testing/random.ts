/** Numbers that look random and are the same for the same seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** At least 0, below `bound`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  }

  isLucky(probability: number): boolean {
    return this.below(1_000_000) < probability * 1_000_000;
  }

  /** @throws when there is nothing to pick */
  pick<Item>(items: Iterable<Item>): Item {
    const all = [...items];
    const item = all[this.below(all.length)];
    if (item === undefined) {
      throw new Error('nothing to pick from');
    }
    return item;
  }
}
