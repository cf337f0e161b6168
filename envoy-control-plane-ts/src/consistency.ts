import { type Reference, referencesOf } from './references.js';
import { resourcesOf, type Snapshot } from './snapshot-cache.js';
import { TypeUrl } from './type-url.js';

/** A place where a snapshot does not hold together. */
export type Inconsistency =
  /** `from` makes Envoy wait for a resource that is not there. */
  | { readonly kind: 'missing'; readonly from: Reference; readonly to: Reference }
  /** Nothing in the snapshot makes Envoy ask for this resource. */
  | { readonly kind: 'unreferenced'; readonly resource: Reference };

const referenced = [TypeUrl.Endpoint, TypeUrl.Route, TypeUrl.ExtensionConfig];

/**
 * Checks that the endpoints, routes and extension configs of a snapshot are those that its clusters
 * and listeners refer to over ADS. A missing one keeps its cluster or listener from getting ready.
 *
 * An unreferenced one does no harm, and may be on purpose: routes and extension configs can also be
 * referred to from places that this check does not read (routes by scoped routes, extension configs
 * by composite filters).
 */
export function inconsistencies(snapshot: Snapshot): Inconsistency[] {
  const present = new Set<string>();
  const wanted = new Set<string>();
  for (const typeUrl of referenced) {
    for (const { name } of resourcesOf(snapshot, typeUrl)) {
      present.add(key({ typeUrl, name }));
    }
  }
  const found: Inconsistency[] = [];
  const roots = [
    ...resourcesOf(snapshot, TypeUrl.Cluster),
    ...resourcesOf(snapshot, TypeUrl.Listener),
    ...resourcesOf(snapshot, TypeUrl.ScopedRoute),
  ];
  for (const root of roots) {
    for (const to of referencesOf(root)) {
      wanted.add(key(to));
      if (!present.has(key(to))) {
        found.push({ kind: 'missing', from: { typeUrl: root.typeUrl, name: root.name }, to });
      }
    }
  }
  for (const typeUrl of referenced) {
    for (const { name } of resourcesOf(snapshot, typeUrl)) {
      if (!wanted.has(key({ typeUrl, name }))) {
        found.push({ kind: 'unreferenced', resource: { typeUrl, name } });
      }
    }
  }
  return found;
}

function key({ typeUrl, name }: Reference): string {
  return `${typeUrl} ${name}`;
}
