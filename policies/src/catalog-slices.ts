import { createHash } from 'node:crypto';
import type { Mesh } from '@dotline/model/mesh';
import { catalogOf } from './catalog.js';
import { type CatalogPath, EVERY_KEY, withoutSubsumed } from './catalog-path.js';

/** A part of the catalog, and a name that two parts share only when they are the same. */
export interface CatalogSlice {
  readonly hash: string;
  /** JSON of OPA's `data` with nothing else of the catalog in it. */
  json(): string;
}

interface Section {
  readonly hash: string;
  readonly json: string;
}

/**
 * A mesh's catalog, cut to what policies look at. Most look at little of it, so that most of what happens to
 * the catalog is none of their business, and loading them does not cost what the catalog of all teams costs.
 */
export class CatalogSlices {
  readonly #catalog: Readonly<Record<string, unknown>>;
  /** By the name of the section and the paths inside it. */
  readonly #sections = new Map<string, Section>();

  constructor(mesh: Mesh) {
    this.#catalog = { ...catalogOf(mesh) };
  }

  /** All that the paths lead to. What a path leads to does not depend on the other paths. */
  slice(paths: readonly CatalogPath[]): CatalogSlice {
    const needed = withoutSubsumed(paths);
    const whole = needed.some(([section = EVERY_KEY]) => section === EVERY_KEY);
    const sections = Object.keys(this.#catalog).flatMap((name) => {
      const inside = whole ? [[]] : needed.filter(([head]) => head === name).map(tail);
      return inside.length === 0 ? [] : [{ name, ...this.#section(name, inside) }];
    });
    return {
      hash: sha256(sections.map(({ name, hash }) => `${name} ${hash}`).join('\n')),
      json: () => {
        const members = sections.map(({ name, json }) => `${JSON.stringify(name)}:${json}`);
        return `{"catalog":{${members.join(',')}}}`;
      },
    };
  }

  #section(name: string, paths: readonly CatalogPath[]): Section {
    const key = JSON.stringify([name, paths]);
    const known = this.#sections.get(key);
    if (known !== undefined) return known;
    const json = JSON.stringify(project(this.#catalog[name], paths));
    const section = { json, hash: sha256(json) };
    this.#sections.set(key, section);
    return section;
  }
}

/** Arrays and plain values are not cut. */
function project(value: unknown, paths: readonly CatalogPath[]): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (paths.some((path) => path.length === 0)) return value;
  const members: Readonly<Record<string, unknown>> = { ...value };
  const heads = new Set(paths.map(([head]) => head));
  const keys = heads.has(EVERY_KEY) ? Object.keys(members) : [...heads];
  const projected: Record<string, unknown> = {};
  for (const key of keys) {
    if (typeof key !== 'string' || !Object.hasOwn(members, key)) continue;
    const inside = paths.filter(([head]) => head === EVERY_KEY || head === key).map(tail);
    projected[key] = project(members[key], inside);
  }
  return projected;
}

function tail(path: CatalogPath): CatalogPath {
  return path.slice(1);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
