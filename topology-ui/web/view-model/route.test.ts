import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatRoute, home, parseRoute, type Route, sameSelection } from './route.js';

const name = fc.string({ minLength: 1, unit: 'grapheme' });
const selection = fc.oneof(
  fc.constant(null),
  fc.record({ kind: fc.constant('service' as const), name }),
  fc.record({
    kind: fc.constantFrom('edge' as const, 'denial' as const),
    caller: name,
    callee: name,
  }),
  fc.record({ kind: fc.constant('trace' as const), traceId: name }),
);
const route: fc.Arbitrary<Route> = fc.record({
  view: fc.constantFrom('graph' as const, 'list' as const, 'objectives' as const),
  selection,
  team: fc.option(name),
  product: fc.option(name),
});

describe('routes', () => {
  it('reads back what it wrote, whatever the names are', () => {
    fc.assert(fc.property(route, (value) => expect(parseRoute(formatRoute(value))).toEqual(value)));
  });

  it.each([
    '',
    '#',
    '#/',
    '#/nowhere',
    '#/graph/service',
    '#/graph/edge/only-one',
    '#/graph/%E0%A4',
  ])('reads %p as the graph without a selection', (hash) => expect(parseRoute(hash)).toEqual(home));

  it('writes links that people can read', () => {
    const edge = { kind: 'edge', caller: 'orders', callee: 'fare' } as const;
    expect(formatRoute({ ...home, selection: edge, team: 'rides' })).toBe(
      '#/graph/edge/orders/fare?team=rides',
    );
  });

  it('tells selections apart', () => {
    const a = { kind: 'edge', caller: 'a', callee: 'b' } as const;
    expect(sameSelection(a, { ...a })).toBe(true);
    expect(sameSelection(a, { ...a, kind: 'denial' })).toBe(false);
    expect(sameSelection(null, a)).toBe(false);
  });
});
