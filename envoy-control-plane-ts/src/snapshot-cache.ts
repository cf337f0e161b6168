import type { TypedResource } from './resource.js';
import {
  emptyResourceSet,
  type ResourceSet,
  resourceSet,
  versionOf,
  withChanges,
} from './resource-set.js';
import type { ResourceSource, Watch } from './resource-source.js';
import type { ResourceProblem } from './subscription.js';
import { isTypeUrl, TypeUrl } from './type-url.js';
import { Watchers } from './watchers.js';

/**
 * Everything that a group of nodes may see. A type that is left out has no resources; of a type that
 * is not one of `TypeUrl` that is said once the group has had some. Make a `ResourceSet` of what many
 * snapshots share: then it costs each of them nothing.
 */
export type Snapshot = Partial<Record<TypeUrl, readonly TypedResource[] | ResourceSet>>;

/** The resources of one type in a snapshot. */
export function resourcesOf(snapshot: Snapshot, typeUrl: TypeUrl): Iterable<TypedResource> {
  const given = snapshot[typeUrl] ?? [];
  return isSet(given) ? given.resources.values() : given;
}

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

const noResources: ReadonlyMap<TypeUrl, ResourceSet> = new Map(
  Object.values(TypeUrl).map((typeUrl) => [typeUrl, emptyResourceSet]),
);

export interface SnapshotCacheOptions {
  /** See `ResourceSource.whyMissing`. */
  readonly whyMissing?: (
    group: string,
    typeUrl: TypeUrl,
    name: string,
  ) => ResourceProblem | undefined;
}

/** What changes at once; names in both lists are set. */
export interface ResourceChanges {
  readonly set?: readonly TypedResource[];
  readonly remove?: readonly { readonly typeUrl: TypeUrl; readonly name: string }[];
}

/**
 * Holds one snapshot for each node, or for each group of nodes (see `XdsServerOptions.groupOf`), and
 * tells streams when a type of their snapshot has really changed. Resources are shared between
 * snapshots, not copied, and so are equal sets of them.
 */
export class SnapshotCache implements ResourceSource {
  readonly whyMissing?: NonNullable<SnapshotCacheOptions['whyMissing']>;
  readonly #snapshots = new Map<string, ReadonlyMap<TypeUrl, ResourceSet>>();
  readonly #watchers = new Watchers();
  readonly #shared = new SharedSets();

  constructor({ whyMissing }: SnapshotCacheOptions = {}) {
    if (whyMissing !== undefined) {
      this.whyMissing = whyMissing;
    }
  }

  /**
   * Replaces what the group may see. Streams are told only if the resources of some type differ
   * from before; types whose resources are equal keep their version.
   * @throws DuplicateResourceError, MisplacedResourceError; the old snapshot then stays.
   */
  setSnapshot(group: string, snapshot: Snapshot): void {
    const before = this.#snapshots.get(group);
    if (before !== undefined && isHeld(snapshot, before)) {
      return;
    }
    const sets = new Map(noResources);
    for (const typeUrl of before?.keys() ?? []) {
      sets.set(typeUrl, emptyResourceSet);
    }
    for (const typeUrl in snapshot) {
      if (isTypeUrl(typeUrl)) {
        sets.set(typeUrl, this.#setOf(typeUrl, snapshot[typeUrl] ?? emptyResourceSet));
      }
    }
    this.#replace(group, sets);
  }

  /**
   * Replaces the resources of one type of a group and leaves the other types as they are.
   * @throws DuplicateResourceError, MisplacedResourceError; the old resources then stay.
   */
  setResources(
    group: string,
    typeUrl: TypeUrl,
    resources: readonly TypedResource[] | ResourceSet,
  ): void {
    const set = this.#setOf(typeUrl, resources);
    this.#replace(group, new Map(this.#snapshots.get(group)).set(typeUrl, set));
  }

  /**
   * Changes single resources of a group and leaves the others as they are. A group without snapshot
   * gets one in which only the types that are named here are known. Costs one copy of the list of
   * each type that changes; nothing is hashed but what changes.
   */
  update(group: string, { set = [], remove = [] }: ResourceChanges): void {
    const changes = new Map<TypeUrl, Map<string, TypedResource | undefined>>();
    const change = (typeUrl: TypeUrl, name: string, resource: TypedResource | undefined) => {
      const ofType = changes.get(typeUrl) ?? new Map<string, TypedResource | undefined>();
      changes.set(typeUrl, ofType.set(name, resource));
    };
    for (const { typeUrl, name } of remove) {
      change(typeUrl, name, undefined);
    }
    for (const resource of set) {
      change(resource.typeUrl, resource.name, resource);
    }
    const after = new Map(this.#snapshots.get(group));
    for (const [typeUrl, ofType] of changes) {
      after.set(typeUrl, withChanges(after.get(typeUrl) ?? emptyResourceSet, ofType));
    }
    this.#replace(group, after);
  }

  setResource(group: string, resource: TypedResource): void {
    this.update(group, { set: [resource] });
  }

  removeResource(group: string, typeUrl: TypeUrl, name: string): void {
    this.update(group, { remove: [{ typeUrl, name }] });
  }

  getResource(group: string, typeUrl: TypeUrl, name: string): TypedResource | undefined {
    return this.get(group, typeUrl)?.resources.get(name);
  }

  /**
   * Forgets the group. Its streams stay open and are sent nothing, so its nodes keep what they have;
   * to take resources away, set a snapshot without them.
   */
  clearSnapshot(group: string): void {
    this.#snapshots.delete(group);
  }

  /** The groups that have a snapshot: ids of nodes, unless `XdsServerOptions.groupOf` says otherwise. */
  groups(): string[] {
    return [...this.#snapshots.keys()];
  }

  get(group: string, typeUrl: TypeUrl): ResourceSet | undefined {
    return this.#snapshots.get(group)?.get(typeUrl);
  }

  /** All types of a group that has a snapshot; the same object until one of them changes. */
  sets(group: string): ReadonlyMap<TypeUrl, ResourceSet> | undefined {
    return this.#snapshots.get(group);
  }

  watch(group: string, changed: () => void): Watch {
    this.#watchers.add(group, changed);
    return { close: () => this.#watchers.delete(group, changed) };
  }

  #setOf(typeUrl: TypeUrl, given: readonly TypedResource[] | ResourceSet): ResourceSet {
    return isSet(given) ? given : this.#shared.of(typeUrl, given);
  }

  /** @param after becomes the group's; sets that are equal to those before are replaced by these. */
  #replace(group: string, after: Map<TypeUrl, ResourceSet>): void {
    const before = this.#snapshots.get(group);
    let changed = before === undefined;
    for (const [typeUrl, set] of after) {
      const old = before?.get(typeUrl);
      if (old === undefined || old.version !== set.version) {
        changed = true;
      } else if (old !== set) {
        after.set(typeUrl, old);
      }
    }
    if (changed) {
      this.#snapshots.set(group, after);
      this.#watchers.tell(group);
    }
  }
}

/** Whether a group has all of a snapshot, and nothing else: as it is with most that is set again. */
function isHeld(snapshot: Snapshot, sets: ReadonlyMap<TypeUrl, ResourceSet>): boolean {
  for (const typeUrl in snapshot) {
    if (isTypeUrl(typeUrl) && !sets.has(typeUrl)) {
      return false;
    }
  }
  for (const [typeUrl, set] of sets) {
    const given = snapshot[typeUrl] ?? emptyResourceSet;
    if (!isSet(given) || given.version !== set.version) {
      return false;
    }
  }
  return true;
}

function isSet(given: readonly TypedResource[] | ResourceSet): given is ResourceSet {
  return 'resources' in given;
}

/**
 * Equal lists of resources as one set, so that what is worked out for a set is worked out once for
 * all snapshots that hold it. Lets go of sets that no snapshot and no stream holds any more.
 */
class SharedSets {
  readonly #byContent = new Map<string, WeakRef<ResourceSet>>();
  readonly #gone = new FinalizationRegistry<string>((key) => {
    if (this.#byContent.get(key)?.deref() === undefined) {
      this.#byContent.delete(key);
    }
  });

  /** @throws DuplicateResourceError, MisplacedResourceError */
  of(typeUrl: TypeUrl, resources: readonly TypedResource[]): ResourceSet {
    if (resources.length === 0) {
      return emptyResourceSet;
    }
    const misplaced = resources.find((resource) => resource.typeUrl !== typeUrl);
    if (misplaced !== undefined) {
      throw new MisplacedResourceError(typeUrl, misplaced);
    }
    const key = `${typeUrl} ${versionOf(resources)}`;
    const known = this.#byContent.get(key)?.deref();
    if (known !== undefined && known.resources.size === resources.length) {
      return known;
    }
    const set = resourceSet(resources);
    this.#byContent.set(key, new WeakRef(set));
    this.#gone.register(set, key);
    return set;
  }
}
