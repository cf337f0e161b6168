/** Who is to be told of changes, by a key. */
export class Watchers {
  readonly #byKey = new Map<string, Set<() => void>>();

  add(key: string, changed: () => void): void {
    const watchers = this.#byKey.get(key);
    if (watchers === undefined) {
      this.#byKey.set(key, new Set([changed]));
    } else {
      watchers.add(changed);
    }
  }

  delete(key: string, changed: () => void): void {
    const watchers = this.#byKey.get(key);
    watchers?.delete(changed);
    if (watchers?.size === 0) {
      this.#byKey.delete(key);
    }
  }

  /** Adds those of a key to a set, so that each is told once. */
  collect(key: string, into: Set<() => void>): void {
    for (const changed of this.#byKey.get(key) ?? []) {
      into.add(changed);
    }
  }

  tell(key: string): void {
    for (const changed of [...(this.#byKey.get(key) ?? [])]) {
      changed();
    }
  }
}
