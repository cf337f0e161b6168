import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Edge, Witness } from './edge.js';
import { edgeId } from './edge.js';
import type { Mesh } from './mesh.js';
import { diffEdges, makeRevision } from './revision.js';

const mesh: Mesh = {
  name: 'test',
  trustDomain: 'test.example',
  contact: 'platform',
  cells: [],
  teams: [],
  products: [],
  services: [],
  objectives: [],
  directory: '/one/folder',
};
const witness: Witness = { team: 'rides', file: 'policies/teams/rides/rides.rego', line: 3 };

function edge(caller: string, callee: string, ...operations: string[]): Edge {
  return {
    id: edgeId(caller, callee),
    caller,
    callee,
    operations: operations.map((operation) => ({ operation, need: witness, grant: witness })),
  };
}

describe('makeRevision', () => {
  it('has the same id for the same content in another folder, order and moment', () => {
    const edges = [edge('a', 'b', 'b.x'), edge('b', 'c', 'c.y')];
    const one = makeRevision({ mesh, edges, createdAtMs: 1 }, undefined);
    const other = makeRevision(
      { mesh: { ...mesh, directory: '/other' }, edges: [...edges].reverse(), createdAtMs: 2 },
      undefined,
    );
    expect(other.id).toBe(one.id);
    expect(one.id).toMatch(/^[0-9a-f]{12}$/);
  });

  it('has another id for another edge, another proof or another catalog', () => {
    const base = makeRevision(
      { mesh, edges: [edge('a', 'b', 'b.x')], createdAtMs: 1 },
      undefined,
    ).id;
    const moved = edge('a', 'b', 'b.x');
    const otherProof = {
      ...moved,
      operations: [{ operation: 'b.x', need: { ...witness, line: 4 }, grant: witness }],
    };
    expect(
      makeRevision({ mesh, edges: [edge('a', 'b', 'b.y')], createdAtMs: 1 }, undefined).id,
    ).not.toBe(base);
    expect(makeRevision({ mesh, edges: [otherProof], createdAtMs: 1 }, undefined).id).not.toBe(
      base,
    );
    expect(
      makeRevision({ mesh: { ...mesh, contact: 'x' }, edges: [moved], createdAtMs: 1 }, undefined)
        .id,
    ).not.toBe(base);
  });

  it('dates each edge by the revision in which it took its present form', () => {
    const first = makeRevision(
      { mesh, edges: [edge('a', 'b', 'b.x'), edge('a', 'c', 'c.x')], createdAtMs: 1 },
      undefined,
    );
    const second = makeRevision(
      { mesh, edges: [edge('a', 'b', 'b.x'), edge('a', 'c', 'c.x', 'c.y')], createdAtMs: 2 },
      first,
    );
    expect(second.edgeRevisions).toEqual({ 'a->b': first.id, 'a->c': second.id });
  });
});

describe('diffEdges', () => {
  const anyEdges = fc
    .uniqueArray(
      fc.tuple(
        fc.constantFrom('a', 'b', 'c'),
        fc.constantFrom('x', 'y'),
        fc.subarray(['x.1', 'x.2', 'x.3'], { minLength: 1 }),
      ),
      {
        selector: ([caller, callee]) => edgeId(caller, callee),
      },
    )
    .map((list) => list.map(([caller, callee, operations]) => edge(caller, callee, ...operations)));

  it('of a state with itself is empty, and what is added one way is removed the other way', () => {
    fc.assert(
      fc.property(anyEdges, anyEdges, (before, after) => {
        expect(diffEdges(before, before)).toEqual({ added: [], removed: [], changed: [] });
        const forth = diffEdges(before, after);
        const back = diffEdges(after, before);
        expect(back).toEqual({
          added: forth.removed,
          removed: forth.added,
          changed: forth.changed,
        });
      }),
    );
  });
});
