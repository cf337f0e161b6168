import { createHash } from 'node:crypto';
import type { TypedResource } from './resource.js';

/** All resources of one type that one node may see. Immutable. */
export interface ResourceSet {
  readonly resources: ReadonlyMap<string, TypedResource>;
  /**
   * "Every xDS resource type has a version string … Whenever one resource of that type changes,
   * the version is changed": a hash of the names and versions, so that a restarted server states
   * the version that its clients already know.
   * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#ack-nack-and-resource-type-instance-version
   */
  readonly version: string;
}

/** Two resources of one type have the same name; a client would reject such a response. */
export class DuplicateResourceError extends Error {
  override readonly name = 'DuplicateResourceError';
  constructor(
    readonly typeUrl: string,
    readonly resourceName: string,
  ) {
    super(`two resources of ${typeUrl} have the name ${JSON.stringify(resourceName)}`);
  }
}

/** @throws DuplicateResourceError */
export function resourceSet(resources: Iterable<TypedResource>): ResourceSet {
  const byName = new Map<string, TypedResource>();
  for (const resource of resources) {
    if (byName.has(resource.name)) {
      throw new DuplicateResourceError(resource.typeUrl, resource.name);
    }
    byName.set(resource.name, resource);
  }
  return { resources: byName, version: versionOf(byName.values()) };
}

/** The version of a set of resources, whatever their order. */
export function versionOf(resources: Iterable<TypedResource>): string {
  const lines = Array.from(resources, ({ name, version }) => JSON.stringify([name, version]));
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex').slice(0, 32);
}

export const emptyResourceSet: ResourceSet = resourceSet([]);
