import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { REVENUE, reverse, split } from './split.js';

const charges = fc.record({
  id: fc.uuid(),
  riderId: fc.uuid(),
  driverId: fc.uuid(),
  amountCents: fc.integer({ min: 4, max: 10_000_000 }),
});

function sum(entries: readonly { amountCents: number }[]): number {
  return entries.reduce((total, entry) => total + entry.amountCents, 0);
}

describe('split', () => {
  it('gives the driver three quarters, rounded down, and the house the rest', () => {
    const charge = { id: 'o1', riderId: 'r1', driverId: 'd1', amountCents: 1001 };
    expect(split(charge)).toEqual([
      { account: 'card:r1', amountCents: 1001 },
      { account: 'driver:d1', amountCents: -750 },
      { account: REVENUE, amountCents: -251 },
    ]);
  });

  it('cancels out, moves whole cents, and moves something on every account', () => {
    fc.assert(
      fc.property(charges, (charge) => {
        const entries = split(charge);
        expect(sum(entries)).toBe(0);
        expect(entries.every(({ amountCents }) => Number.isInteger(amountCents))).toBe(true);
        expect(entries.every(({ amountCents }) => amountCents !== 0)).toBe(true);
      }),
    );
  });

  it('is undone by its reverse, account by account', () => {
    fc.assert(
      fc.property(charges, (charge) => {
        const entries = split(charge);
        for (const [index, undone] of reverse(entries).entries()) {
          expect(undone.account).toBe(entries[index]?.account);
          expect(sum([undone, ...entries.slice(index, index + 1)])).toBe(0);
        }
      }),
    );
  });
});
