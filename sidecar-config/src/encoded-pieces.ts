import type { TypedResource } from 'envoy-control-plane-ts';
import { LRUCache } from 'lru-cache';

/** What a mesh of 1,500 services needs, and as much again for its next revision. */
const BYTES_MAX = 256 * 1024 * 1024;

/**
 * Encoded resources and parts of resources, kept from one revision to the next, so that a change of
 * one edge encodes the parts of one edge. A key names everything that a part is made from.
 */
export class EncodedPieces {
  readonly #pieces = new LRUCache<string, Uint8Array>({
    maxSize: BYTES_MAX,
    // A message of nothing but defaults has no bytes.
    sizeCalculation: (piece, key) => piece.length + key.length + 1,
  });
  readonly #resources = new LRUCache<string, TypedResource>({
    maxSize: BYTES_MAX,
    sizeCalculation: ({ value }, key) => value.length + key.length + 1,
  });

  /**
   * A part of a message. Encoded messages of one type, one after the other, are the message in which
   * their lists are joined and their maps merged.
   * https://protobuf.dev/programming-guides/encoding/#last-one-wins
   */
  piece(key: readonly unknown[], make: () => Uint8Array): Uint8Array {
    return kept(this.#pieces, key, make);
  }

  resource(key: readonly unknown[], make: () => TypedResource): TypedResource {
    return kept(this.#resources, key, make);
  }
}

function kept<T extends object>(
  cache: LRUCache<string, T>,
  key: readonly unknown[],
  make: () => T,
): T {
  const text = JSON.stringify(key);
  const known = cache.get(text);
  if (known !== undefined) return known;
  const made = make();
  cache.set(text, made);
  return made;
}
