import type { Mesh } from '@dotline/model/mesh';
import { sha256 } from './build-cache.js';
import { type Catalog, catalogOf } from './catalog.js';
import {
  type CatalogPath,
  EVERY_KEY,
  type SectionHashes,
  withoutSubsumed,
} from './catalog-path.js';

/** A part of the catalog, and a name that two parts share only when they are the same. */
export interface CatalogSlice {
  readonly hash: string;
  /** JSON of OPA's `data` with nothing else of the catalog in it. */
  json(): string;
}

const SECTIONS: readonly (keyof Catalog)[] = ['services', 'teams', 'operations'];

/**
 * A mesh's catalog, cut to what policies look at. Most look at little of it, so that most of what happens to
 * the catalog is none of their business, and loading them does not cost what the catalog of all teams costs.
 */
export class CatalogSlices {
  readonly #mesh: Mesh;
  #catalog: Catalog | undefined;
  readonly #slices = new WeakMap<readonly CatalogPath[], CatalogSlice>();
  readonly #texts = new Map<string, string>();
  readonly #hashes: Map<string, string>;
  #isNewsIn = false;

  /** @param known of this very mesh: what is known of a section costs nothing */
  constructor(mesh: Mesh, known: SectionHashes = {}) {
    this.#mesh = mesh;
    this.#hashes = new Map(Object.entries(known));
  }

  /** All that the paths lead to. What a path leads to does not depend on the other paths. */
  slice(paths: readonly CatalogPath[]): CatalogSlice {
    const slice = this.#slices.get(paths) ?? this.#cut(paths);
    this.#slices.set(paths, slice);
    return slice;
  }

  #cut(paths: readonly CatalogPath[]): CatalogSlice {
    const needed = withoutSubsumed(paths);
    const whole = needed.some(([section = EVERY_KEY]) => section === EVERY_KEY);
    const sections = SECTIONS.flatMap((name) => {
      const inside = whole ? [[]] : needed.filter(([head]) => head === name).map(tail);
      return inside.length === 0 ? [] : [{ name, inside, key: JSON.stringify([name, inside]) }];
    });
    const hashes = sections.map(({ name, inside, key }) => {
      const hash = this.#hashes.get(key) ?? sha256(this.#text(name, inside, key));
      this.#isNewsIn ||= !this.#hashes.has(key);
      this.#hashes.set(key, hash);
      return `${name} ${hash}`;
    });
    return {
      hash: sha256(hashes.join('\n')),
      json: () => {
        const members = sections.map(
          ({ name, inside, key }) => `${JSON.stringify(name)}:${this.#text(name, inside, key)}`,
        );
        return `{"catalog":{${members.join(',')}}}`;
      },
    };
  }

  /** What was found out, if there is more of it than when this was asked last. */
  news(): SectionHashes | undefined {
    if (!this.#isNewsIn) return undefined;
    this.#isNewsIn = false;
    return Object.fromEntries(this.#hashes);
  }

  #text(name: keyof Catalog, paths: readonly CatalogPath[], key: string): string {
    this.#catalog ??= catalogOf(this.#mesh);
    const text = this.#texts.get(key) ?? textOf(this.#catalog[name], branchOf(paths));
    this.#texts.set(key, text);
    return text;
  }
}

/** What paths lead to at one place. */
interface Branch {
  readonly whole: boolean;
  /** Behind keys that no path names, if one leads there. */
  readonly every?: Branch;
  readonly named: ReadonlyMap<string, Branch>;
}

function branchOf(paths: readonly CatalogPath[]): Branch {
  const behind = (key: string | typeof EVERY_KEY) =>
    branchOf(paths.filter(([head]) => head === EVERY_KEY || head === key).map(tail));
  const heads = new Set(paths.flatMap(([head]) => (head === undefined ? [] : [head])));
  const names = [...heads].filter((head) => head !== EVERY_KEY);
  return {
    whole: paths.some((path) => path.length === 0),
    ...(heads.has(EVERY_KEY) ? { every: behind(EVERY_KEY) } : {}),
    named: new Map(names.map((name) => [name, behind(name)])),
  };
}

/** JSON of a value without what no path leads to. Arrays and plain values are not cut. */
function textOf(value: unknown, { whole, every, named }: Branch): string {
  if (whole || typeof value !== 'object' || value === null || Array.isArray(value)) {
    return JSON.stringify(value);
  }
  const entries = every === undefined ? ownEntries(value, named.keys()) : Object.entries(value);
  const members: string[] = [];
  for (const [key, member] of entries) {
    const branch = named.get(key) ?? every;
    if (branch !== undefined) members.push(`${JSON.stringify(key)}:${textOf(member, branch)}`);
  }
  return `{${members.join(',')}}`;
}

function* ownEntries(value: object, keys: Iterable<string>): Generator<[string, unknown]> {
  for (const key of keys) {
    const member = Object.getOwnPropertyDescriptor(value, key);
    if (member !== undefined) yield [key, member.value];
  }
}

function tail(path: CatalogPath): CatalogPath {
  return path.slice(1);
}
