import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { placeNewDots } from './place-new-dots.js';

const node = (id: string, team = id, product = 'p') => ({ id, team, product });

describe('placing new dots', () => {
  it('moves nobody and overlaps nobody', () => {
    const coordinate = fc.integer({ min: 0, max: 8 }).map((step) => step * 164);
    const places = fc.uniqueArray(fc.record({ x: coordinate, y: coordinate }), {
      selector: ({ x, y }) => `${x}:${y}`,
      maxLength: 30,
    });
    fc.assert(
      fc.property(places, fc.integer({ min: 1, max: 6 }), (taken, count) => {
        const old = Object.fromEntries(taken.map((place, index) => [`old${index}`, place]));
        const ids = [...Object.keys(old), ...Array.from({ length: count }, (_, at) => `new${at}`)];
        const links = ids.slice(1).map((to, index) => ({ from: ids[index] ?? '', to }));
        const placed = placeNewDots({ nodes: ids.map((id) => node(id)), links, aspect: 1.6 }, old);
        expect(placed).toMatchObject(old);
        const points = Object.values(placed);
        expect(points.length).toBe(ids.length);
        for (const [index, a] of points.entries()) {
          for (const b of points.slice(index + 1)) {
            expect(Math.hypot((a.x - b.x) / 164, (a.y - b.y) / 112)).toBeGreaterThan(0.8);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('puts a new dot near whom it talks to', () => {
    const old = { far: { x: 5_000, y: 5_000 }, near: { x: 0, y: 0 } };
    const wish = {
      nodes: [node('far'), node('near'), node('new')],
      links: [{ from: 'new', to: 'near' }],
      aspect: 1.6,
    };
    const at = placeNewDots(wish, old).new ?? { x: Number.NaN, y: 0 };
    expect(Math.hypot(at.x, at.y)).toBeLessThan(250);
  });

  it('puts a dot without lines beside its team', () => {
    const old = { mate: { x: 900, y: 900 }, other: { x: 0, y: 0 } };
    const wish = {
      nodes: [node('mate', 'red'), node('other', 'blue'), node('new', 'red')],
      links: [],
      aspect: 1.6,
    };
    const at = placeNewDots(wish, old).new ?? { x: Number.NaN, y: 0 };
    expect(Math.hypot(at.x - 900, at.y - 900)).toBeLessThan(250);
  });

  it('forgets the places of those who are gone', () => {
    const wish = { nodes: [node('here')], links: [], aspect: 1 };
    const placed = placeNewDots(wish, { here: { x: 1, y: 2 }, gone: { x: 3, y: 4 } });
    expect(placed).toEqual({ here: { x: 1, y: 2 } });
  });
});
