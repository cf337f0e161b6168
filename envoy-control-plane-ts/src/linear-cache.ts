import type { TypedResource } from './resource.js';
import {
  type Differences,
  type Former,
  formerOf,
  type ResourceSet,
  resourceSet,
  versionAfter,
} from './resource-set.js';
import type { ResourceSource, Watch } from './resource-source.js';
import { MisplacedResourceError } from './snapshot-cache.js';
import type { TypeUrl } from './type-url.js';
import { Watchers } from './watchers.js';

/** After so many changes the resources are copied, and older changes are found by comparing. */
const changesPerEpoch = 4_096;

/**
 * Holds the resources of one type for all nodes, such as the endpoints of a whole fleet. A change
 * costs what changed and the streams that ask for it, however many resources and streams there are.
 */
export class LinearCache implements ResourceSource {
  readonly #watchers = new Watchers();
  #set: LinearSet;

  /**
   * @param options.versionPrefix stands before the version of the whole, which is a hash of what there
   * is and so the same in every replica; resources have the versions that they came with
   * @throws DuplicateResourceError, MisplacedResourceError
   */
  constructor(
    readonly typeUrl: TypeUrl,
    resources: readonly TypedResource[] = [],
    { versionPrefix = '' }: { readonly versionPrefix?: string } = {},
  ) {
    this.#checkType(resources);
    const { resources: byName, version } = resourceSet(resources);
    this.#set = new LinearSet(new Epoch(new Map(byName)), 0, versionPrefix + version);
  }

  /** The resources as they are now. */
  get resources(): ReadonlyMap<string, TypedResource> {
    return this.#set.resources;
  }

  /** @throws MisplacedResourceError */
  setResource(resource: TypedResource): void {
    this.update({ set: [resource] });
  }

  removeResource(name: string): void {
    this.update({ remove: [name] });
  }

  /**
   * Changes several resources at once; names in both lists are set. What is equal stays as it is.
   * @throws MisplacedResourceError; then nothing has changed
   */
  update(changes: {
    readonly set?: readonly TypedResource[];
    readonly remove?: readonly string[];
  }): void {
    const { set = [], remove = [] } = changes;
    this.#checkType(set);
    const kept = new Set(set.map(({ name }) => name));
    const told = new Set<() => void>();
    for (const name of remove) {
      if (!kept.has(name)) {
        this.#change(name, undefined, told);
      }
    }
    for (const resource of set) {
      this.#change(resource.name, resource, told);
    }
    for (const changed of told) {
      changed();
    }
  }

  /** Replaces all resources. @throws MisplacedResourceError; then nothing has changed */
  setResources(resources: readonly TypedResource[]): void {
    this.update({ set: resources, remove: [...this.resources.keys()] });
  }

  get(_group: string, typeUrl: TypeUrl): ResourceSet | undefined {
    return typeUrl === this.typeUrl ? this.#set : undefined;
  }

  /** Until it has said what it is interested in, a stream is told of nothing. */
  watch(_group: string, changed: () => void): Watch {
    let watched: ReadonlySet<string> = new Set();
    const follow = (names: ReadonlySet<string>) => {
      for (const name of watched) {
        if (!names.has(name)) {
          this.#watchers.delete(name, changed);
        }
      }
      for (const name of names) {
        if (!watched.has(name)) {
          this.#watchers.add(name, changed);
        }
      }
      watched = names;
    };
    return {
      interest: (typeUrl, names) => {
        if (typeUrl === this.typeUrl) {
          follow(names.includes('*') ? new Set(['*']) : new Set(names));
        }
      },
      close: () => follow(new Set()),
    };
  }

  #change(name: string, after: TypedResource | undefined, told: Set<() => void>): void {
    const before = this.resources.get(name);
    if (before?.version === after?.version) {
      return;
    }
    this.#set = this.#set.changed(name, after);
    for (const each of [name, ...(before?.aliases ?? []), ...(after?.aliases ?? [])]) {
      this.#watchers.collect(each, told);
    }
    this.#watchers.collect('*', told);
  }

  #checkType(resources: readonly TypedResource[]): void {
    const misplaced = resources.find(({ typeUrl }) => typeUrl !== this.typeUrl);
    if (misplaced !== undefined) {
      throw new MisplacedResourceError(this.typeUrl, misplaced);
    }
  }
}

/** Resources, and how they came to be as they are. */
class Epoch {
  /** In order: the name that changed and what it was before. */
  readonly changes: { readonly name: string; readonly before: Former | undefined }[] = [];
  /** There from the first alias on, also when all are gone: what changed may have had one. */
  aliases: Map<string, string> | undefined;

  constructor(readonly resources: Map<string, TypedResource>) {
    for (const resource of resources.values()) {
      this.#addAliases(resource);
    }
  }

  set(name: string, after: TypedResource | undefined): void {
    const before = this.resources.get(name);
    this.changes.push({ name, before: formerOf(before) });
    for (const alias of before?.aliases ?? []) {
      this.aliases?.delete(alias);
    }
    if (after === undefined) {
      this.resources.delete(name);
    } else {
      this.resources.set(name, after);
      this.#addAliases(after);
    }
  }

  #addAliases({ name, aliases = [] }: TypedResource): void {
    for (const alias of aliases) {
      this.aliases ??= new Map();
      this.aliases.set(alias, name);
    }
  }

  /** What changed after the first `count` changes, up to those of `end`. */
  since(count: number, end: number): Map<string, Former | undefined> {
    const found = new Map<string, Former | undefined>();
    for (const { name, before } of this.changes.slice(count, end)) {
      if (!found.has(name)) {
        found.set(name, before);
      }
    }
    return found;
  }
}

/**
 * The resources after a number of changes. The sets of an epoch share one map, which goes on
 * changing: an older set is good only for asking what has changed since.
 */
class LinearSet implements ResourceSet {
  constructor(
    private readonly epoch: Epoch,
    private readonly count: number,
    readonly version: string,
  ) {}

  get resources(): ReadonlyMap<string, TypedResource> {
    return this.epoch.resources;
  }

  get aliases(): ReadonlyMap<string, string> | undefined {
    return this.epoch.aliases;
  }

  changed(name: string, after: TypedResource | undefined): LinearSet {
    const { resources, changes } = this.epoch;
    const epoch = changes.length < changesPerEpoch ? this.epoch : new Epoch(new Map(resources));
    const before = epoch.resources.get(name);
    epoch.set(name, after);
    return new LinearSet(epoch, epoch.changes.length, versionAfter(this.version, before, after));
  }

  changesSince(earlier: ResourceSet): Differences | undefined {
    if (!(earlier instanceof LinearSet)) {
      return undefined;
    }
    const found =
      earlier.epoch === this.epoch
        ? this.epoch.since(earlier.count, this.count)
        : this.#acrossEpochs(earlier);
    for (const [name, before] of found) {
      if (this.resources.get(name)?.version === before?.version) {
        found.delete(name);
      }
    }
    return found;
  }

  #acrossEpochs({ epoch, count }: LinearSet): Map<string, Former | undefined> {
    const found = epoch.since(count, epoch.changes.length);
    const names = new Set([...epoch.resources.keys(), ...this.resources.keys()]);
    for (const name of names) {
      if (!found.has(name)) {
        found.set(name, formerOf(epoch.resources.get(name)));
      }
    }
    return found;
  }
}
