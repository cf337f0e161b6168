import { Redis } from 'ioredis';

const CHANNEL = 'dotline:events';
const RETRY_MS_MAX = 5_000;

/**
 * Listens to the hints of other processes that something changed. Losing one, or Valkey, loses nothing:
 * the structure is read every 2 s anyway.
 */
export class MeshHints {
  readonly #redis: Redis;
  #problem: string | null = 'not connected yet';

  /** @param heard called for each hint, and when the connection is new, as hints may have been missed */
  constructor(url: string, heard: () => void) {
    this.#redis = new Redis(url, {
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      autoResubscribe: false,
      retryStrategy: (attempt) => Math.min(attempt * 200, RETRY_MS_MAX),
    });
    this.#redis.on('ready', () => {
      this.#redis.subscribe(CHANNEL).then(
        () => {
          this.#problem = null;
          heard();
        },
        (error: Error) => this.#failed(error),
      );
    });
    this.#redis.on('message', heard);
    this.#redis.on('error', (error: Error) => this.#failed(error));
    this.#redis.on('close', () => this.#failed(new Error('the connection is closed')));
  }

  /** Why no hints come; `null` when they do. */
  get problem(): string | null {
    return this.#problem;
  }

  close(): void {
    this.#redis.disconnect();
  }

  #failed(error: Error): void {
    // "closed" follows each error and says less.
    if (this.#problem === null || error.message !== 'the connection is closed') {
      this.#problem = error.message || error.name;
    }
  }
}
