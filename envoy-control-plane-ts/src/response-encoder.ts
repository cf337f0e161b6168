import type { TypedResource } from './resource.js';
import type { Update } from './subscription.js';
import type { TypeUrl } from './type-url.js';

/** How much of what was encoded lately is kept: a wave of pushes has a few updates for all. */
const entriesMax = 16;
const bytesMax = 16 * 1024 * 1024;

export interface EncodedResponse {
  /** Greater than every nonce that was given out before for other content. */
  readonly nonce: number;
  readonly bytes: Buffer;
  /** What is encoded: one object for all streams that are sent the same. */
  readonly update: Update;
}

/**
 * Encodes responses for the streams of one variant. "The nonce is valid only in the context of an
 * individual xDS stream", so many streams that are sent the same update share its nonce and its
 * bytes: it is encoded once for all of them.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#basic-protocol-overview
 */
export class ResponseEncoder {
  readonly #encode: (typeUrl: TypeUrl, update: Update, nonce: string) => Buffer;
  readonly #recent = new Map<string, EncodedResponse>();
  #bytes = 0;
  #nonce = 0;

  constructor(encode: (typeUrl: TypeUrl, update: Update, nonce: string) => Buffer) {
    this.#encode = encode;
  }

  /** @param usedNonce the newest nonce of the stream that is to be sent this; it needs a newer one. */
  encode(typeUrl: TypeUrl, update: Update, usedNonce: number): EncodedResponse {
    const key = `${typeUrl} ${update.version} ${update.resources.length} ${update.removed.length}`;
    const recent = this.#recent.get(key);
    if (recent !== undefined && recent.nonce > usedNonce && isSame(recent.update, update)) {
      return recent;
    }
    this.#nonce += 1;
    const bytes = this.#encode(typeUrl, update, String(this.#nonce));
    const entry = { nonce: this.#nonce, bytes, update };
    this.#keep(key, entry);
    return entry;
  }

  #keep(key: string, entry: EncodedResponse): void {
    this.#forget(key);
    this.#recent.set(key, entry);
    this.#bytes += entry.bytes.length;
    for (const oldest of this.#recent.keys()) {
      if (this.#recent.size <= entriesMax && this.#bytes <= bytesMax) {
        break;
      }
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    this.#bytes -= this.#recent.get(key)?.bytes.length ?? 0;
    this.#recent.delete(key);
  }
}

function isSame(one: Update, other: Update): boolean {
  return (
    one.version === other.version &&
    one.heartbeat === other.heartbeat &&
    // Problems are what one client asked for.
    one.problems === other.problems &&
    one.unresolved === other.unresolved &&
    isEqual(one.resources, other.resources, isSameResource) &&
    isEqual(one.removed, other.removed, Object.is)
  );
}

function isSameResource(one: TypedResource, other: TypedResource): boolean {
  return one === other || (one.name === other.name && one.version === other.version);
}

function isEqual<Item>(
  one: readonly Item[],
  other: readonly Item[],
  isSameItem: (one: Item, other: Item) => boolean,
): boolean {
  return (
    one.length === other.length &&
    one.every((item, index) => isSameItem(item, other[index] as Item))
  );
}
