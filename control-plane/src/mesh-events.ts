import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';

const CHANNEL = 'dotline:events';
const RETRY_MAX_MS = 5_000;

const MeshEvent = z.looseObject({
  type: z.enum(['revision', 'sidecars', 'instances', 'mesh-error', 'slo', 'shadow']),
  /** The control plane process that says so. */
  replica: z.string().optional(),
});

/** A hint to read again, never the truth itself. */
export type MeshEvent = z.infer<typeof MeshEvent>;

/**
 * Says to other processes, and hears from other replicas, that something changed. Without Valkey
 * nothing is lost: whoever misses a hint reads PostgreSQL every 2 s.
 */
export class MeshEvents {
  readonly #replica = randomUUID();
  readonly #publisher: Redis;
  readonly #subscriber: Redis;

  /** @param heard called with the events of other processes */
  constructor(url: string, log: Logger, heard: (event: MeshEvent) => void) {
    const connect = (what: string) => {
      const redis = new Redis(url, {
        enableOfflineQueue: false,
        maxRetriesPerRequest: 0,
        retryStrategy: (attempt) => Math.min(attempt * 200, RETRY_MAX_MS),
      });
      let absent = false;
      redis.on('error', (error: Error) => {
        if (!absent) log.warn({ reason: error.message }, `no connection to Valkey for ${what}`);
        absent = true;
      });
      redis.on('ready', () => {
        absent = false;
      });
      return redis;
    };
    this.#publisher = connect('publishing');
    this.#subscriber = connect('listening');
    // Subscriptions are renewed by the client after a reconnect; the first needs the connection.
    this.#subscriber.once('ready', () => {
      this.#subscriber
        .subscribe(CHANNEL)
        .catch((error: Error) => log.warn({ reason: error.message }, 'cannot listen to events'));
    });
    this.#subscriber.on('message', (_channel: string, message: string) => {
      const event = parseEvent(message);
      if (event !== undefined && event.replica !== this.#replica) heard(event);
    });
  }

  publish(event: Omit<MeshEvent, 'replica'> & Record<string, unknown>): void {
    // Nobody waits for a hint, and whoever misses it polls.
    this.#publisher
      .publish(CHANNEL, JSON.stringify({ ...event, replica: this.#replica }))
      .catch(() => undefined);
  }

  close(): void {
    this.#publisher.disconnect();
    this.#subscriber.disconnect();
  }
}

function parseEvent(message: string): MeshEvent | undefined {
  try {
    return MeshEvent.parse(JSON.parse(message));
  } catch {
    return undefined;
  }
}
