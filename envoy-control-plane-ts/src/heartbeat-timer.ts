import type { TypedResource } from './resource.js';

/** A resource's time to live may be missed twice before a client gives the resource up. */
const beatsPerTtl = 3;

/**
 * Says when the times to live of what a client holds are to be renewed. Runs only while the client
 * holds such resources.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#resource-ttl
 */
export class HeartbeatTimer {
  readonly #beat: () => void;
  #timer: NodeJS.Timeout | undefined;
  #everyMs = Number.POSITIVE_INFINITY;

  constructor(beat: () => void) {
    this.#beat = beat;
  }

  /** The client has been given these. */
  follow(resources: readonly TypedResource[]): void {
    for (const { ttlMs = Number.POSITIVE_INFINITY } of resources) {
      if (ttlMs / beatsPerTtl < this.#everyMs) {
        this.stop();
        this.#everyMs = ttlMs / beatsPerTtl;
        this.#timer = setInterval(this.#beat, this.#everyMs).unref();
      }
    }
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#everyMs = Number.POSITIVE_INFINITY;
  }
}
