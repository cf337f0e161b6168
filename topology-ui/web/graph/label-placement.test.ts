import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CrowdedPoints, overlap, placeAt, type Rectangle, TakenPlaces } from './label-placement.js';

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

  it('counts exactly the points that a label would cover', () => {
    const point = fc.record({
      x: fc.integer({ min: -500, max: 500 }),
      y: fc.integer({ min: -500, max: 500 }),
    });
    fc.assert(
      fc.property(fc.array(point, { maxLength: 60 }), rectangle, (points, place) => {
        const crowd = new CrowdedPoints(37);
        for (const { x, y } of points) crowd.add(x, y);
        const inside = points.filter(
          ({ x, y }) =>
            x >= place.left &&
            x <= place.left + place.width &&
            y >= place.top &&
            y <= place.top + place.height,
        );
        expect(crowd.countIn(place)).toBe(inside.length);
      }),
    );
  });

  it.each(['below', 'above', 'right', 'left'] as const)('keeps off the dot when %s', (side) => {
    const place = placeAt(side, { x: 50, y: 50, radius: 10 }, { width: 80, height: 20 }, 4);
    expect(overlap(place, { left: 40, top: 40, width: 20, height: 20 })).toBe(false);
    expect([place.width, place.height]).toEqual([80, 20]);
  });
});
