import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { catalogOf } from './catalog.js';
import { type CatalogPath, EVERY_KEY, withoutSubsumed } from './catalog-path.js';
import { CatalogSlices } from './catalog-slices.js';
import { meshOf, SKETCHES } from './mesh-fixture.js';

const mesh = meshOf('/mesh');
const catalog = { ...catalogOf(mesh) };
const slices = new CatalogSlices(mesh);

/** All that a path leads to, each with the keys that lead there. */
function reached(value: unknown, path: CatalogPath, keys: readonly string[] = []): unknown[] {
  const [head, ...tail] = path;
  if (head === undefined) return [[keys, value]];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [[keys, value]];
  }
  const members = Object.entries(value).filter(([key]) => head === EVERY_KEY || key === head);
  return members.flatMap(([key, member]) => reached(member, tail, [...keys, key]));
}

const key = fc.constantFrom(
  ...['services', 'teams', 'operations', 'orders', 'fare', 'rides', 'tier', 'fare.estimate', 'no'],
);
const path: fc.Arbitrary<CatalogPath> = fc.array(
  fc.oneof(key, fc.constant<typeof EVERY_KEY>(EVERY_KEY)),
  { maxLength: 4 },
);
const paths = fc.array(path, { maxLength: 4 });

describe('a slice of the catalog', () => {
  it('holds all that its paths lead to', () => {
    fc.assert(
      fc.property(paths, (wanted) => {
        const { catalog: slice } = JSON.parse(slices.slice(wanted).json());
        for (const each of wanted) expect(reached(slice, each)).toEqual(reached(catalog, each));
      }),
      { numRuns: 500 },
    );
  });

  it('holds nothing of other services, so that they do not change it', () => {
    const wanted: CatalogPath[] = [
      ['services', 'orders', 'operations'],
      ['services', EVERY_KEY, 'tier'],
    ];
    const { hash, json } = slices.slice(wanted);
    expect(JSON.parse(json()).catalog.services.fare).toEqual({ tier: 'critical' });
    expect(Object.keys(JSON.parse(json()).catalog)).toEqual(['services']);
    const [first, ...others] = SKETCHES;
    if (first === undefined) throw new Error('no services');
    const changed = (sketch: Partial<typeof first>) =>
      new CatalogSlices(meshOf('/mesh', [{ ...first, ...sketch }, ...others])).slice(wanted).hash;
    expect(changed({ product: 'other' })).toBe(hash);
    expect(changed({ tier: 'best-effort' })).not.toBe(hash);
    expect(changed({ operations: {} })).not.toBe(hash);
  });

  it('is named alike by paths that say the same', () => {
    fc.assert(
      fc.property(paths, path, (others, first) => {
        const wanted = [first, ...others];
        const { hash } = slices.slice(wanted);
        expect(slices.slice(wanted.toReversed()).hash).toBe(hash);
        const narrower: CatalogPath[] = [...wanted, [...first, 'more']];
        expect(slices.slice(narrower).hash).toBe(hash);
        expect(withoutSubsumed(narrower)).toEqual(withoutSubsumed(wanted));
      }),
    );
  });

  it('is named as before where its hashes are known, and tells what is new once', () => {
    const known = new CatalogSlices(mesh);
    const wanted: CatalogPath[] = [['services', EVERY_KEY, 'tier']];
    const { hash } = known.slice(wanted);
    const again = new CatalogSlices(mesh, known.news());
    expect(known.news()).toBeUndefined();
    expect(again.slice(wanted).hash).toBe(hash);
    expect(again.slice(wanted).json()).toBe(known.slice(wanted).json());
    expect(again.news()).toBeUndefined();
  });
});
