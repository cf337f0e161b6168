import { describe, expect, it } from '@jest/globals';
import { exampleGraph } from '../test-support/example-mesh.js';
import { byUrgency, worstBurn } from './objective-order.js';
import { sortRows } from './sort-rows.js';

describe('sorting rows', () => {
  const rows = [{ key: 2 }, { key: null }, { key: 10 }];

  it('puts missing values last in both directions', () => {
    const keys = (direction: 'ascending' | 'descending') =>
      sortRows(rows, (row) => row.key, direction).map((row) => row.key);
    expect(keys('ascending')).toEqual([2, 10, null]);
    expect(keys('descending')).toEqual([10, 2, null]);
  });

  it('sorts names with numbers as people do', () => {
    expect(sortRows(['a-10', 'a-2'], (row) => row, 'ascending')).toEqual(['a-2', 'a-10']);
  });
});

describe('objectives by urgency', () => {
  const [burning] = exampleGraph()
    .services.flatMap((service) => service.objectives)
    .filter((objective) => objective.alert === 'page');
  if (burning === undefined) throw new Error('The example burns somewhere');

  it('puts pages first, then the smallest budget', () => {
    const ticket = { ...burning, name: 'b', alert: 'ticket' as const };
    const low = { ...burning, name: 'c', alert: 'ok' as const, budgetLeft: 0.1 };
    const empty = { ...burning, name: 'd', alert: 'ok' as const, budgetLeft: null };
    const sorted = [empty, low, ticket, burning].sort(byUrgency);
    expect(sorted.map(({ name }) => name)).toEqual([burning.name, 'b', 'c', 'd']);
  });

  it('takes the fastest burn of all windows', () => {
    expect(worstBurn(burning)).toBe(118);
    expect(worstBurn({ ...burning, burnRates: [] })).toBe(0);
  });
});
