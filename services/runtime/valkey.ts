import { Redis } from 'ioredis';
import type { Logger } from './logger.js';
import { StoreUnavailable } from './problem.js';

const CONNECT_MS_MAX = 2000;
const COMMAND_MS_MAX = 1000;
const RETRY_MS_MAX = 5000;

/** Replies that speak of the server's state, not of the command. */
const REPLY_DOWN = /^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|READONLY|OOM|NOAUTH|WRONGPASS)\b/;
const DRIVER_DOWN =
  /^(Stream isn't writeable|Connection is closed|Command timed out|Command aborted|Reached the max retries|connect E|read E|write E)/;

/**
 * A service's keys in Valkey: every key gets the service's prefix. It reconnects by itself with
 * back-off; while the server does not answer, `run` throws StoreUnavailable at once.
 */
export class Valkey {
  readonly #redis: Redis;

  constructor(settings: { REDIS_URL: string; REDIS_KEY_PREFIX: string }, log: Logger) {
    this.#redis = new Redis(settings.REDIS_URL, {
      keyPrefix: settings.REDIS_KEY_PREFIX,
      connectTimeout: CONNECT_MS_MAX,
      commandTimeout: COMMAND_MS_MAX,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      enableReadyCheck: false,
      retryStrategy: (attempt) => Math.min(100 * 2 ** Math.min(attempt, 10), RETRY_MS_MAX),
    });
    this.#redis.on('error', (error) => log.warn({ err: error }, 'valkey not ready'));
  }

  /** @throws StoreUnavailable @throws ReplyError when the server refuses the command itself */
  async run<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      return await work(this.#redis);
    } catch (error) {
      throw isServerDown(error) ? new StoreUnavailable('Valkey', { cause: error }) : error;
    }
  }

  /** @throws StoreUnavailable */
  async ping(): Promise<void> {
    await this.run((redis) => redis.ping());
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }
}

function isServerDown(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (error.name === 'ReplyError' ? REPLY_DOWN : DRIVER_DOWN).test(error.message);
}
