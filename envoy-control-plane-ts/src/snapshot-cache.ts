import type { TypedResource } from './resource.js';
import { emptyResourceSet, type ResourceSet, resourceSet } from './resource-set.js';
import type { ResourceSource } from './resource-source.js';
import { TypeUrl } from './type-url.js';

/** Everything that one node may see. A type that is left out has no resources. */
export type Snapshot = Partial<Record<TypeUrl, readonly TypedResource[]>>;

/** A snapshot lists a resource under a type that is not its own. */
export class MisplacedResourceError extends Error {
  override readonly name = 'MisplacedResourceError';
  constructor(
    readonly typeUrl: string,
    readonly resource: TypedResource,
  ) {
    super(`${JSON.stringify(resource.name)} is a ${resource.typeUrl}, not a ${typeUrl}`);
  }
}

type Sets = ReadonlyMap<TypeUrl, ResourceSet>;

/**
 * Holds one snapshot for each node id and tells the streams of a node when a type of its snapshot
 * has really changed. Resources are shared between snapshots, not copied.
 */
export class SnapshotCache implements ResourceSource {
  readonly #snapshots = new Map<string, Sets>();
  readonly #watchers = new Map<string, Set<() => void>>();

  /**
   * Replaces what the node may see. Streams are told only if the resources of some type differ
   * from before; types whose resources are equal keep their version.
   * @throws DuplicateResourceError, MisplacedResourceError; the old snapshot then stays.
   */
  setSnapshot(nodeId: string, snapshot: Snapshot): void {
    const before = this.#snapshots.get(nodeId);
    const after = new Map<TypeUrl, ResourceSet>();
    let changed = before === undefined;
    for (const typeUrl of Object.values(TypeUrl)) {
      const set = typedSet(typeUrl, snapshot[typeUrl] ?? []);
      const old = before?.get(typeUrl);
      const same = old?.version === set.version;
      after.set(typeUrl, same && old !== undefined ? old : set);
      changed ||= !same;
    }
    if (changed) {
      this.#snapshots.set(nodeId, after);
      this.#notify(nodeId);
    }
  }

  /**
   * Forgets the node. Its streams stay open and are sent nothing, so the node keeps what it has;
   * to take resources away, set a snapshot without them.
   */
  clearSnapshot(nodeId: string): void {
    this.#snapshots.delete(nodeId);
  }

  /** The ids of the nodes that have a snapshot. */
  nodeIds(): string[] {
    return [...this.#snapshots.keys()];
  }

  get(nodeId: string, typeUrl: TypeUrl): ResourceSet | undefined {
    return this.#snapshots.get(nodeId)?.get(typeUrl);
  }

  watch(nodeId: string, changed: () => void): () => void {
    const watchers = this.#watchers.get(nodeId) ?? new Set();
    this.#watchers.set(nodeId, watchers.add(changed));
    return () => {
      watchers.delete(changed);
      if (watchers.size === 0 && this.#watchers.get(nodeId) === watchers) {
        this.#watchers.delete(nodeId);
      }
    };
  }

  #notify(nodeId: string): void {
    for (const changed of [...(this.#watchers.get(nodeId) ?? [])]) {
      changed();
    }
  }
}

function typedSet(typeUrl: TypeUrl, resources: readonly TypedResource[]): ResourceSet {
  const misplaced = resources.find((resource) => resource.typeUrl !== typeUrl);
  if (misplaced !== undefined) {
    throw new MisplacedResourceError(typeUrl, misplaced);
  }
  return resources.length === 0 ? emptyResourceSet : resourceSet(resources);
}
