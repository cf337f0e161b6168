import type { ResourceSet } from './resource-set.js';
import type { ResourceProblem } from './subscription.js';
import type { TypeUrl } from './type-url.js';

/** A stream's wish to be told of changes. */
export interface Watch {
  /**
   * The stream asks for these names of a type now ('*' among them for all), and for no others. A
   * source may use it to tell only streams that a change concerns.
   */
  readonly interest?: (typeUrl: TypeUrl, names: readonly string[]) => void;
  /** No more changes are to be told. */
  readonly close: () => void;
}

/**
 * Where the server takes resources from. Subscriptions, wildcards, nonces and versions are the
 * server's affair: a source only says what a node may see now, and when that has changed.
 *
 * @example A source that gives every node the same:
 * ```ts
 * const source: ResourceSource = {
 *   get: (_group, typeUrl) => sets.get(typeUrl) ?? emptyResourceSet,
 *   watch: (_group, changed) => {
 *     listeners.add(changed);
 *     return { close: () => listeners.delete(changed) };
 *   },
 * };
 * ```
 */
export interface ResourceSource {
  /**
   * Resources of one type for a group of nodes: by default each node is a group of its own, named
   * by its id; see `XdsServerOptions.groupOf`. `undefined` means "not known yet": the server then
   * answers nothing, so a client keeps what it has. An empty set means "there are none".
   *
   * Must return the same object until the resources change; the server compares by identity.
   */
  get(group: string, typeUrl: TypeUrl): ResourceSet | undefined;

  /** Calls `changed` after resources of the group, of any type, have changed. */
  watch(group: string, changed: () => void): Watch;

  /**
   * Why the group has no resource of this name, for clients that ask for it by name: an edge that
   * policy denies, say. Without this, and when it returns undefined, they are told only that there is
   * none.
   */
  whyMissing?(group: string, typeUrl: TypeUrl, name: string): ResourceProblem | undefined;

  /** The groups that have resources here, so that the client status service can show those without a stream. */
  groups?(): Iterable<string>;
}
