import { setTimeout as sleep } from 'node:timers/promises';
import { errorReason } from './error-reason.js';
import { type MeshStructure, pictureKey } from './mesh-structure.js';

const POLL_MS = 2_000;
/** Hints come in bursts while sidecars acknowledge; one reading serves them all. */
const HINT_DELAY_MS = 50;

/**
 * The latest structure that could be read. Reads again every 2 s, and soon after a hint; keeps the last
 * good one while PostgreSQL does not answer. However many pages are open, there is one reader.
 */
export class StructureFeed {
  #current: MeshStructure | undefined;
  #key = '';
  #problem: string | null = 'not read yet';
  #reading: Promise<void> | undefined;
  #anew: Promise<void> | undefined;
  #hinted: NodeJS.Timeout | undefined;
  #changes = 0;
  readonly #waiting = new Set<() => void>();
  readonly #read: () => Promise<MeshStructure>;
  readonly #onChange: (structure: MeshStructure) => void;

  /** @param onChange told when the picture is another one */
  constructor(
    read: () => Promise<MeshStructure>,
    onChange: (structure: MeshStructure) => void = () => undefined,
  ) {
    this.#read = read;
    this.#onChange = onChange;
  }

  /** `undefined` until it could be read for the first time. */
  get current(): MeshStructure | undefined {
    return this.#current;
  }

  /** Why the latest reading failed; `null` when it did not. */
  get problem(): string | null {
    return this.#problem;
  }

  /** How often the picture has become another one. */
  get changes(): number {
    return this.#changes;
  }

  /** Resolves when there have been more changes than `seen`, and at the signal. */
  async changedSince(seen: number, signal: AbortSignal): Promise<void> {
    if (this.#changes > seen || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** How many wait for a change. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Somebody says that something changed. */
  hint(): void {
    this.#hinted ??= setTimeout(() => {
      this.#hinted = undefined;
      void this.readAnew();
    }, HINT_DELAY_MS);
  }

  /** Polls until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.refresh();
      await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
    clearTimeout(this.#hinted);
  }

  /** Reads once; whoever asks while a reading runs waits for that one. Never rejects. */
  refresh(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** Resolves with a reading that begins after the call: one under way may have missed what is there now. */
  readAnew(): Promise<void> {
    this.#anew ??= (this.#reading ?? Promise.resolve()).then(() => {
      this.#anew = undefined;
      return this.refresh();
    });
    return this.#anew;
  }

  async #readOnce(): Promise<void> {
    try {
      const structure = await this.#read();
      this.#problem = null;
      this.#current = structure;
      const key = pictureKey(structure);
      if (key === this.#key) return;
      this.#key = key;
      this.#changes += 1;
      this.#onChange(structure);
      for (const done of [...this.#waiting]) done();
    } catch (error) {
      this.#problem = errorReason(error);
    }
  }
}
