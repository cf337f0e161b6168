import { BinaryReader } from '@bufbuild/protobuf/wire';

/**
 * Fields that name resources, by number: `resource_names` of a DiscoveryRequest;
 * `resource_names_subscribe`, `resource_names_unsubscribe` and `initial_resource_versions` of a
 * DeltaDiscoveryRequest.
 * https://github.com/envoyproxy/envoy/blob/v1.40.0/api/envoy/service/discovery/v3/discovery.proto
 */
const nameFields = { sotw: new Set([3]), delta: new Set([3, 4, 5]) };

/**
 * Counts the names in a request without making them, and stops counting above `max`: a request of a
 * few megabytes can hold a million of them, which would cost fifty times its size.
 * @throws when the bytes are no message
 */
export function countNames(variant: 'sotw' | 'delta', bytes: Uint8Array, max: number): number {
  const reader = new BinaryReader(bytes);
  let count = 0;
  while (reader.pos < reader.len && count <= max) {
    const [field, wireType] = reader.tag();
    if (nameFields[variant].has(field)) {
      count += 1;
    }
    reader.skip(wireType, field);
  }
  return count;
}
