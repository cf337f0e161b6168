import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { overlap, placeAt, type Rectangle, sidesByPeace, TakenPlaces } from './label-placement.js';

const rectangle: fc.Arbitrary<Rectangle> = fc.record({
  left: fc.integer({ min: -500, max: 500 }),
  top: fc.integer({ min: -500, max: 500 }),
  width: fc.integer({ min: 1, max: 200 }),
  height: fc.integer({ min: 1, max: 40 }),
});

describe('label placement', () => {
  it('knows every overlap, whatever the buckets', () => {
    fc.assert(
      fc.property(fc.array(rectangle, { maxLength: 30 }), rectangle, (taken, place) => {
        const places = new TakenPlaces(64);
        for (const one of taken) places.take(one);
        expect(places.isFree(place)).toBe(!taken.some((one) => overlap(one, place)));
      }),
    );
  });

  it('prefers below, and moves to where no line leaves the dot', () => {
    expect(sidesByPeace([])[0]).toBe('below');
    expect(sidesByPeace([Math.PI / 2])[0]).toBe('above');
    expect(sidesByPeace([Math.PI / 2, -Math.PI / 2])[0]).toBe('right');
    expect(sidesByPeace([Math.PI / 2, -Math.PI / 2, 0])[0]).toBe('left');
  });

  it.each(['below', 'above', 'right', 'left'] as const)('keeps off the dot when %s', (side) => {
    const place = placeAt(side, { x: 50, y: 50, radius: 10 }, { width: 80, height: 20 }, 4);
    expect(overlap(place, { left: 40, top: 40, width: 20, height: 20 })).toBe(false);
    expect([place.width, place.height]).toEqual([80, 20]);
  });
});
