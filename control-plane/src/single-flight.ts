/**
 * Runs an action whenever it is asked to, but only once at a time: requests during a run merge into
 * one run after it. So a queue of any length is one pending request.
 */
export class SingleFlight {
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  /** @param action must not throw: it handles its own failures */
  constructor(private readonly action: () => Promise<void>) {}

  /** Resolves when a run that began after this call is over. */
  request(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    if (this.#running !== undefined) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#loop();
    return this.#running;
  }

  /** Whether another run has been asked for since the present one began. */
  get superseded(): boolean {
    return this.#again;
  }

  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** Takes no more requests; resolves when the present run is over. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#again = false;
    await this.#running;
  }

  async #loop(): Promise<void> {
    try {
      do {
        this.#again = false;
        await this.action();
      } while (this.#again);
    } finally {
      this.#running = undefined;
    }
  }
}
