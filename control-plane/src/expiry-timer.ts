/** So that a clock that was set, or a machine that slept, is noticed; also far below the longest delay of a timer. */
const LOOK_EVERY_MS = 3_600_000;

/** Tells once when a time has come, by the wall clock; at most an hour late when that clock was set forward. */
export class ExpiryTimer {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly now: () => number,
    private readonly came: () => void,
  ) {}

  /** Replaces the time, in milliseconds since the epoch; `undefined` waits for nothing. */
  set(atMs: number | undefined): void {
    clearTimeout(this.#timer);
    if (atMs === undefined) return;
    const leftMs = Math.max(atMs - this.now(), 0);
    this.#timer = setTimeout(
      () => {
        if (this.now() < atMs) this.set(atMs);
        else this.came();
      },
      Math.min(leftMs, LOOK_EVERY_MS),
    );
    this.#timer.unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
