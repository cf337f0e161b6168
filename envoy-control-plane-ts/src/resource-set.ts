import { createHash } from 'node:crypto';
import type { TypedResource } from './resource.js';

/** All resources of one type that one node may see. Immutable. */
export interface ResourceSet {
  readonly resources: ReadonlyMap<string, TypedResource>;
  /**
   * "Every xDS resource type has a version string … Whenever one resource of that type changes,
   * the version is changed": made of the names and versions, so that a restarted server states
   * the version that its clients already know.
   * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#ack-nack-and-resource-type-instance-version
   */
  readonly version: string;
  /** The names of resources by their other names; not there when there are none. */
  readonly aliases?: ReadonlyMap<string, string> | undefined;
  /** What changed since an earlier set, for sets that know without comparing all of both. */
  readonly changesSince?: (earlier: ResourceSet) => Differences | undefined;
}

/** What there was of a name: little, so that what has changed does not keep its old bytes alive. */
export type Former = Pick<TypedResource, 'version' | 'aliases'>;

/** Names whose resource differs, each with what it was before; `undefined`: there was none. */
export type Differences = ReadonlyMap<string, Former | undefined>;

export function formerOf(resource: TypedResource | undefined): Former | undefined {
  return (
    resource && {
      version: resource.version,
      ...(resource.aliases && { aliases: resource.aliases }),
    }
  );
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
  return made(byName, versionOf(byName.values()));
}

/** A resource by its name or one of its other names. */
export function resourceNamed(set: ResourceSet, name: string): TypedResource | undefined {
  const resource = set.resources.get(name);
  if (resource !== undefined || set.aliases === undefined) {
    return resource;
  }
  const other = set.aliases.get(name);
  return other === undefined ? undefined : set.resources.get(other);
}

function made(resources: ReadonlyMap<string, TypedResource>, version: string): ResourceSet {
  let aliases: Map<string, string> | undefined;
  for (const resource of resources.values()) {
    for (const alias of resource.aliases ?? []) {
      aliases ??= new Map();
      aliases.set(alias, resource.name);
    }
  }
  return { resources, version, ...(aliases && { aliases }) };
}

/**
 * The version that a set has after a change of one resource; `undefined`: there is none. What stands
 * before the sum in the version stays.
 */
export function versionAfter(
  version: string,
  before: TypedResource | undefined,
  after: TypedResource | undefined,
): string {
  return versionPlus(version, differenceOf(before, after));
}

function differenceOf(before: TypedResource | undefined, after: TypedResource | undefined): bigint {
  const less = before === undefined ? 0n : fingerprintOf(before);
  const more = after === undefined ? 0n : fingerprintOf(after);
  return more - less;
}

function versionPlus(version: string, difference: bigint): string {
  const prefix = version.slice(0, -sumDigits);
  return prefix + versionOfSum(BigInt(`0x${version.slice(-sumDigits)}`) + difference);
}

/**
 * The set after changes by name, where `undefined` takes the resource away; the set itself when they
 * change nothing. However many changes, the set is copied once.
 */
export function withChanges(
  set: ResourceSet,
  changes: Iterable<readonly [name: string, after: TypedResource | undefined]>,
): ResourceSet {
  let resources: Map<string, TypedResource> | undefined;
  let difference = 0n;
  let hasAliases = set.aliases !== undefined;
  for (const [name, after] of changes) {
    const before = (resources ?? set.resources).get(name);
    if (before?.version === after?.version) {
      continue;
    }
    resources ??= new Map(set.resources);
    difference += differenceOf(before, after);
    hasAliases ||= after?.aliases !== undefined;
    if (after === undefined) {
      resources.delete(name);
    } else {
      resources.set(name, after);
    }
  }
  if (resources === undefined) {
    return set;
  }
  const version = versionPlus(set.version, difference);
  return hasAliases ? made(resources, version) : { resources, version };
}

/** The set with this resource in place of the one of its name, if there is one. */
export function withResource(set: ResourceSet, resource: TypedResource): ResourceSet {
  return withChanges(set, [[resource.name, resource]]);
}

/** The set without the resource of this name. */
export function withoutResource(set: ResourceSet, name: string): ResourceSet {
  return withChanges(set, [[name, undefined]]);
}

/** Made once for each set: many streams go from one set to the next together. */
const knownDifferences = new WeakMap<ResourceSet, { from: string; differences: Differences }>();

/** What is new, changed or gone in `to`. */
export function differences(from: ResourceSet, to: ResourceSet): Differences {
  const known = knownDifferences.get(to);
  if (known?.from === from.version) {
    return known.differences;
  }
  const found = to.changesSince?.(from) ?? compared(from, to);
  // By version: a reference to the older set would keep the whole line of sets alive.
  knownDifferences.set(to, { from: from.version, differences: found });
  return found;
}

function compared(from: ResourceSet, to: ResourceSet): Differences {
  const found = new Map<string, Former | undefined>();
  for (const [name, { version }] of to.resources) {
    const before = from.resources.get(name);
    if (before?.version !== version) {
      found.set(name, formerOf(before));
    }
  }
  for (const [name, before] of from.resources) {
    if (!to.resources.has(name)) {
      found.set(name, formerOf(before));
    }
  }
  return found;
}

/**
 * The version of a set of resources, whatever their order: the sum of their fingerprints, so that
 * the version after a change costs what changed and not what is there (Bellare and Micciancio, "A
 * New Paradigm for Collision-free Hashing", 1997, section 5; resources are not adversaries).
 */
export function versionOf(resources: Iterable<TypedResource>): string {
  let sum = 0n;
  for (const resource of resources) {
    sum += fingerprintOf(resource);
  }
  return versionOfSum(sum);
}

const fingerprints = new WeakMap<TypedResource, bigint>();

function fingerprintOf(resource: TypedResource): bigint {
  const known = fingerprints.get(resource);
  if (known !== undefined) {
    return known;
  }
  const hash = createHash('sha256').update(
    JSON.stringify([resource.name, resource.version, ...(resource.aliases ?? [])]),
  );
  const fingerprint = BigInt(`0x${hash.digest('hex').slice(0, 32)}`);
  fingerprints.set(resource, fingerprint);
  return fingerprint;
}

/** Hexadecimal digits. */
const sumDigits = 32;

function versionOfSum(sum: bigint): string {
  return BigInt.asUintN(4 * sumDigits, sum)
    .toString(16)
    .padStart(sumDigits, '0');
}

export const emptyResourceSet: ResourceSet = resourceSet([]);
