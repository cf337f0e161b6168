import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  DELIVERY_STATES,
  type DeliveryState,
  overallState,
  type Receipt,
  stateAfter,
} from './delivery-state.js';

const receipts = fc.array(fc.constantFrom<Receipt>('delivered', 'read'), { maxLength: 12 });
const states = fc.array(fc.constantFrom<DeliveryState>(...DELIVERY_STATES), {
  minLength: 1,
  maxLength: 12,
});

function follow(given: readonly Receipt[]): DeliveryState {
  return given.reduce<DeliveryState>(stateAfter, 'sent');
}

describe('a delivery', () => {
  it.each<[Receipt[], DeliveryState]>([
    [[], 'sent'],
    [['delivered'], 'delivered'],
    [['delivered', 'read'], 'read'],
    [['read'], 'read'],
    [['read', 'delivered'], 'read'],
    [['delivered', 'delivered'], 'delivered'],
  ])('after receipts %j is %s', (given, end) => {
    expect(follow(given)).toBe(end);
  });

  it('never goes back', () => {
    fc.assert(
      fc.property(receipts, fc.constantFrom<Receipt>('delivered', 'read'), (given, next) => {
        const before = DELIVERY_STATES.indexOf(follow(given));
        expect(DELIVERY_STATES.indexOf(follow([...given, next]))).toBeGreaterThanOrEqual(before);
      }),
    );
  });

  it('ends the same in whatever order and however often receipts come', () => {
    const orders = receipts.chain((given) =>
      fc.tuple(
        fc.constant(given),
        fc.shuffledSubarray([...given, ...given], { minLength: 2 * given.length }),
      ),
    );
    fc.assert(
      fc.property(orders, ([given, other]) => {
        expect(follow(other)).toBe(follow(given));
      }),
    );
  });
});

describe('a message', () => {
  it('is shown in a state exactly when all receivers have come so far', () => {
    fc.assert(
      fc.property(states, (given) => {
        const shown = DELIVERY_STATES.indexOf(overallState(given));
        const ranks = given.map((state) => DELIVERY_STATES.indexOf(state));
        expect(ranks.every((rank) => rank >= shown)).toBe(true);
        expect(ranks).toContain(shown);
      }),
    );
  });
});
