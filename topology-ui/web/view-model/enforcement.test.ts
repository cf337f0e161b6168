import { describe, expect, it } from '@jest/globals';
import { exampleGraph } from '../test-support/example-mesh.js';
import { enforcementOf } from './enforcement.js';

describe('enforcement', () => {
  const graph = exampleGraph();

  it('says in how long all sidecars took the revision', () => {
    expect(enforcementOf(graph)).toEqual({
      sidecars: 34,
      enforced: 34,
      complete: true,
      text: 'enforced on 34/34 sidecars in 0.4 s',
    });
  });

  it('names no time while some lag', () => {
    const [first, ...rest] = graph.services;
    if (first === undefined) throw new Error('The example has services');
    const instances = first.instances.map((instance) => ({
      ...instance,
      sidecar: { ...instance.sidecar, holdsLiveRevision: false },
    }));
    const lagging = { ...graph, services: [{ ...first, instances }, ...rest] };
    expect(enforcementOf(lagging)).toMatchObject({
      complete: false,
      text: 'enforced on 32/34 sidecars',
    });
  });

  it('is not complete without sidecars', () => {
    expect(enforcementOf({ ...graph, services: [] }).complete).toBe(false);
  });
});
