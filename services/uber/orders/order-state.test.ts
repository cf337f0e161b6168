import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  isFinal,
  ORDER_STATES,
  type OrderEvent,
  type OrderState,
  stateAfter,
} from './order-state.js';

const EVENTS: readonly OrderEvent[] = [
  'fraud-accepted',
  'fraud-rejected',
  'driver-reserved',
  'nobody-free',
  'paid',
  'card-declined',
  'arrived',
  'cancel',
  'give-up',
];

function follow(events: readonly OrderEvent[]): OrderState[] {
  const states: OrderState[] = ['requested'];
  for (const event of events) {
    const next = stateAfter(states.at(-1) as OrderState, event);
    if (next !== undefined) states.push(next);
  }
  return states;
}

describe('the state machine of orders', () => {
  it.each<[string, OrderEvent[], OrderState]>([
    ['a ride', ['fraud-accepted', 'driver-reserved', 'paid', 'arrived'], 'completed'],
    ['a suspicious order', ['fraud-rejected'], 'rejected'],
    ['no driver', ['fraud-accepted', 'nobody-free'], 'unmatched'],
    ['a refused card', ['fraud-accepted', 'driver-reserved', 'card-declined'], 'declined'],
    ['a change of mind', ['fraud-accepted', 'cancel'], 'cancelled'],
    ['too late to cancel', ['fraud-accepted', 'driver-reserved', 'cancel'], 'matched'],
    [
      'a paid ride is not given up',
      ['fraud-accepted', 'driver-reserved', 'paid', 'give-up'],
      'riding',
    ],
  ])('%s', (_name, events, end) => {
    expect(follow(events).at(-1)).toBe(end);
  });

  it('completes no ride that was not accepted, matched and paid, in this order', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 30 }), (events) => {
        const states = follow(events);
        if (states.includes('completed'))
          expect(states).toEqual(['requested', 'accepted', 'matched', 'riding', 'completed']);
      }),
    );
  });

  it('leaves no final state, and can reach a final state from every other', () => {
    for (const state of ORDER_STATES) {
      const next = EVENTS.map((event) => stateAfter(state, event)).filter((s) => s !== undefined);
      expect(next.length === 0).toBe(isFinal(state));
    }
  });
});
