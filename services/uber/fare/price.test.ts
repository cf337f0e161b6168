import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { price, type Ride } from './price.js';

const rides = fc.record<Ride>({
  distanceMetres: fc.integer({ min: 1, max: 100_000 }),
  durationSeconds: fc.integer({ min: 1, max: 20_000 }),
  freeDrivers: fc.option(fc.integer({ min: 0, max: 50 }), { nil: undefined }),
});

describe('price', () => {
  it.each([
    ['5 km in 15 minutes', { distanceMetres: 5000, durationSeconds: 900, freeDrivers: 8 }, 1180, 1],
    ['a very short ride', { distanceMetres: 300, durationSeconds: 60, freeDrivers: 8 }, 600, 1],
    ['half the drivers', { distanceMetres: 5000, durationSeconds: 900, freeDrivers: 4 }, 1770, 1.5],
    ['no driver', { distanceMetres: 5000, durationSeconds: 900, freeDrivers: 0 }, 2350, 2],
    [
      'unknown supply',
      { distanceMetres: 5000, durationSeconds: 900, freeDrivers: undefined },
      1180,
      1,
    ],
  ])('%s', (_name, ride, amountCents, surge) => {
    expect(price(ride)).toEqual({ amountCents, surge });
  });

  it('is whole ten cents, at least the minimum, and at most doubled by surge', () => {
    fc.assert(
      fc.property(rides, (ride) => {
        const { amountCents, surge } = price(ride);
        expect(amountCents % 10).toBe(0);
        expect(amountCents).toBeGreaterThanOrEqual(600);
        expect(surge).toBeGreaterThanOrEqual(1);
        expect(surge).toBeLessThanOrEqual(2);
      }),
    );
  });

  it('never falls when the way gets longer or drivers fewer', () => {
    fc.assert(
      fc.property(rides, fc.nat(5000), (ride, more) => {
        const longer = { ...ride, distanceMetres: ride.distanceMetres + more };
        expect(price(longer).amountCents).toBeGreaterThanOrEqual(price(ride).amountCents);
        const scarcer = { ...ride, freeDrivers: 0 };
        expect(price(scarcer).amountCents).toBeGreaterThanOrEqual(price(ride).amountCents);
      }),
    );
  });
});
