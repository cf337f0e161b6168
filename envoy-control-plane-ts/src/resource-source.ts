import type { ResourceSet } from './resource-set.js';
import type { ResourceProblem } from './subscription.js';
import type { TypeUrl } from './type-url.js';

/**
 * Where the server takes resources from. Subscriptions, wildcards, nonces and versions are the
 * server's affair: a source only says what a node may see now, and when that has changed.
 *
 * @example A source that gives every node the same:
 * ```ts
 * const source: ResourceSource = {
 *   get: (_nodeId, typeUrl) => sets.get(typeUrl) ?? emptyResourceSet,
 *   watch: (_nodeId, changed) => { listeners.add(changed); return () => listeners.delete(changed); },
 * };
 * ```
 */
export interface ResourceSource {
  /**
   * The node's resources of one type. `undefined` means "not known yet": the server then answers
   * nothing, so a client keeps what it has. An empty set means "there are none".
   *
   * Must return the same object until the resources change; the server compares by identity.
   */
  get(nodeId: string, typeUrl: TypeUrl): ResourceSet | undefined;

  /** Calls `changed` after the node's resources of any type have changed; returns the unwatch. */
  watch(nodeId: string, changed: () => void): () => void;

  /**
   * Why the node has no resource of this name, for clients that ask for it by name: an edge that
   * policy denies, say. Without this, and when it returns undefined, they are told only that there is
   * none.
   */
  whyMissing?(nodeId: string, typeUrl: TypeUrl, name: string): ResourceProblem | undefined;

  /** The nodes that have resources here, so that the client status service can show those without a stream. */
  nodeIds?(): Iterable<string>;
}
