import { type Reference, referencesOf } from './references.js';
import type { TypedResource } from './resource.js';
import type { ResourceSource } from './resource-source.js';
import { resourcesOf, type Snapshot } from './snapshot-cache.js';
import { TypeUrl } from './type-url.js';

/** `from` makes Envoy wait for a resource that is not there. */
export interface MissingResource {
  readonly kind: 'missing';
  readonly from: Reference;
  readonly to: Reference;
}

/** A place where a snapshot does not hold together. */
export type Inconsistency =
  | MissingResource
  /** Nothing in the snapshot makes Envoy ask for this resource. */
  | { readonly kind: 'unreferenced'; readonly resource: Reference };

/** Types whose resources Envoy does not go on without what they refer to. */
const referring = [TypeUrl.Cluster, TypeUrl.Listener, TypeUrl.ScopedRoute];

const referenced = [TypeUrl.Endpoint, TypeUrl.Route, TypeUrl.ExtensionConfig];

/**
 * Checks that the endpoints, routes and extension configs of a snapshot are those that its clusters,
 * listeners and scopes refer to over ADS, and that its virtual hosts belong to routes that ask for
 * them. A missing one keeps its cluster or listener from getting ready.
 *
 * An unreferenced one does no harm, and may be on purpose: extension configs can also be referred to
 * from places that this check does not read, such as composite filters.
 */
export function inconsistencies(snapshot: Snapshot): Inconsistency[] {
  const present = new Set<string>();
  for (const typeUrl of referenced) {
    for (const { name } of resourcesOf(snapshot, typeUrl)) {
      present.add(key({ typeUrl, name }));
    }
  }
  const wanted = new Set<string>();
  const missing = missingFrom(
    (typeUrl) => resourcesOf(snapshot, typeUrl),
    (reference) => {
      wanted.add(key(reference));
      return present.has(key(reference));
    },
  );
  return [...missing, ...unreferenced(snapshot, wanted)];
}

/**
 * What a group of nodes refers to and a source does not have, wherever that takes its resources from.
 * Costs what the group refers to, however much else there is: a source for a whole fleet holds much
 * that one group does not ask for.
 */
export function missingResources(source: ResourceSource, group: string): MissingResource[] {
  return missingFrom(
    (typeUrl) => source.get(group, typeUrl)?.resources.values() ?? [],
    ({ typeUrl, name }) => source.get(group, typeUrl)?.resources.has(name) ?? false,
  );
}

function missingFrom(
  resources: (typeUrl: TypeUrl) => Iterable<TypedResource>,
  has: (reference: Reference) => boolean,
): MissingResource[] {
  return referring.flatMap((typeUrl) =>
    [...resources(typeUrl)].flatMap((from) =>
      referencesOf(from)
        .filter((to) => !has(to))
        .map((to) => ({ kind: 'missing', from: { typeUrl, name: from.name }, to }) as const),
    ),
  );
}

function* unreferenced(snapshot: Snapshot, wanted: ReadonlySet<string>): Iterable<Inconsistency> {
  for (const typeUrl of referenced) {
    for (const { name } of resourcesOf(snapshot, typeUrl)) {
      if (!wanted.has(key({ typeUrl, name }))) {
        yield { kind: 'unreferenced', resource: { typeUrl, name } };
      }
    }
  }
  const asking = new Set<string>();
  for (const route of resourcesOf(snapshot, TypeUrl.Route)) {
    for (const { name } of referencesOf(route)) {
      asking.add(name);
    }
  }
  for (const { typeUrl, name } of resourcesOf(snapshot, TypeUrl.VirtualHost)) {
    if (!asking.has(routesOf(name))) {
      yield { kind: 'unreferenced', resource: { typeUrl, name } };
    }
  }
}

/**
 * `<route configuration>/` of a virtual host: "matching should be done from right to left since a
 * host entry cannot contain slashes while a route configuration name can".
 * https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/vhds
 */
function routesOf(virtualHost: string): string {
  return virtualHost.slice(0, virtualHost.lastIndexOf('/') + 1);
}

function key({ typeUrl, name }: Reference): string {
  return `${typeUrl} ${name}`;
}
