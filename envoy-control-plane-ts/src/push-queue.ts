/** How long pushes may keep the process from reading requests. */
const sliceMs = 5;

/**
 * Runs the pushes of all streams of a server, each stream once however often it was told of a
 * change: a storm of changes is merged into what is newest when the stream's turn comes. The first
 * change goes out at once. Between slices the process reads requests, so that clients that ask are
 * not kept waiting by a wave of pushes to all, and acknowledgements do not pile up.
 */
export class PushQueue {
  readonly #due = new Set<() => void>();
  #scheduled = false;

  /** Has `push` called soon; adding the same again before then changes nothing. */
  add(push: () => void): void {
    this.#due.add(push);
    this.#schedule();
  }

  remove(push: () => void): void {
    this.#due.delete(push);
  }

  #schedule(): void {
    if (!this.#scheduled && this.#due.size > 0) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#run();
      });
    }
  }

  #run(): void {
    const until = performance.now() + sliceMs;
    try {
      for (const push of this.#due) {
        this.#due.delete(push);
        push();
        if (performance.now() > until) {
          break;
        }
      }
    } finally {
      this.#schedule();
    }
  }
}
