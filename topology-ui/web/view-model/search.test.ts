import { describe, expect, it } from '@jest/globals';
import { exampleGraph } from '../test-support/example-mesh.js';
import { matchingServices, search } from './search.js';

const graph = exampleGraph();

describe('search', () => {
  it('finds services before teams before operations, exact names first', () => {
    const found = search(graph, 'orders');
    expect(found.slice(0, 3).map(({ kind, name }) => [kind, name])).toEqual([
      ['service', 'orders'],
      ['team', 'orders'],
      ['operation', 'orders.assign'],
    ]);
  });

  it('finds operations by path and names their service', () => {
    expect(search(graph, 'multiplier')[0]).toMatchObject({
      name: 'surge.multiplier',
      service: 'surge',
    });
  });

  it('needs every word', () => {
    expect(search(graph, 'maps nowhere')).toEqual([]);
    expect(search(graph, '  ')).toEqual([]);
  });

  it('is bounded', () => expect(search(graph, 'a').length).toBe(12));

  it('matches services by name, team and operation', () => {
    expect(matchingServices(graph, 'pricing')).toEqual(new Set(['fare', 'surge']));
    expect(matchingServices(graph, '')).toBeNull();
  });
});
