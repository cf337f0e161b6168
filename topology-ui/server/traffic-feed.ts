import { setTimeout as sleep } from 'node:timers/promises';
import { errorReason } from './error-reason.js';
import { type LiveTraffic, NO_LIVE_TRAFFIC } from './live-traffic.js';

const INTERVAL_MS = 1_000;
/** Who asked this recently will likely ask again. */
const WANTED_AFTER_ASKING_MS = 5_000;

/**
 * The latest traffic that could be read: one reading a second while somebody looks, none otherwise.
 * While ClickHouse does not answer the last figures stay, and `problem` says of when they are.
 */
export class TrafficFeed {
  #current = NO_LIVE_TRAFFIC;
  #failure: string | null = null;
  #triedAtMs = 0;
  #askedAtMs = 0;
  #reading: Promise<void> | undefined;
  readonly #read: (nowMs: number) => Promise<LiveTraffic>;
  readonly #listeners: () => number;
  readonly #onUpdate: () => void;

  /**
   * @param listeners how many pages listen
   * @param onUpdate told after each reading of the second, also after one that failed
   */
  constructor(
    read: (nowMs: number) => Promise<LiveTraffic>,
    listeners: () => number = () => 0,
    onUpdate: () => void = () => undefined,
  ) {
    this.#read = read;
    this.#listeners = listeners;
    this.#onUpdate = onUpdate;
  }

  get current(): LiveTraffic {
    return this.#current;
  }

  /** Why the latest reading failed; `null` when it did not. */
  get failure(): string | null {
    return this.#failure;
  }

  /** `null` when the figures are complete, otherwise a sentence that says why they are not. */
  get problem(): string | null {
    if (this.#failure === null) return null;
    const { atMs } = this.#current;
    const last = atMs === 0 ? '' : `; figures of ${new Date(atMs).toISOString().slice(11, 19)} UTC`;
    return `ClickHouse does not answer (${this.#failure})${last}`;
  }

  /** Waits for figures that are at most a second old, or for the reason why there are none. */
  async fresh(): Promise<LiveTraffic> {
    this.#askedAtMs = Date.now();
    if (this.#askedAtMs - this.#triedAtMs >= INTERVAL_MS) await this.#refresh();
    return this.#current;
  }

  /** Reads each second while somebody looks, until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedMs = Date.now();
      if (this.#listeners() > 0 || startedMs - this.#askedAtMs < WANTED_AFTER_ASKING_MS) {
        await this.#refresh();
        this.#onUpdate();
      }
      const pauseMs = Math.max(0, startedMs + INTERVAL_MS - Date.now());
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #refresh(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readOnce(): Promise<void> {
    const nowMs = Date.now();
    try {
      this.#current = await this.#read(nowMs);
      this.#failure = null;
    } catch (error) {
      this.#failure = errorReason(error);
    } finally {
      this.#triedAtMs = Date.now();
    }
  }
}
