import { compareText } from './relations.js';

/** Stands for every key at its place in a path. */
export const EVERY_KEY = null;

/** Where a policy looks: the keys that follow `data.catalog`, such as `["services", EVERY_KEY, "tier"]`. */
export type CatalogPath = readonly (string | typeof EVERY_KEY)[];

/** By the name of a section of the catalog and the paths inside it, SHA-256 of what they lead to. */
export type SectionHashes = Readonly<Record<string, string>>;

/** The paths that no other path includes, in an order of their own. */
export function withoutSubsumed(paths: readonly CatalogPath[]): CatalogPath[] {
  const distinct = [...new Map(paths.map((path) => [JSON.stringify(path), path]))]
    .sort(([a], [b]) => compareText(a, b))
    .map(([, path]) => path);
  // Only a path with a gap, or a shorter one, can include another.
  const including = distinct.filter(
    (path) => path.includes(EVERY_KEY) || distinct.some((other) => other.length > path.length),
  );
  return distinct.filter(
    (path) => !including.some((other) => other !== path && includes(other, path)),
  );
}

function includes(wide: CatalogPath, narrow: CatalogPath): boolean {
  return (
    wide.length <= narrow.length &&
    wide.every((key, index) => key === EVERY_KEY || key === narrow[index])
  );
}
