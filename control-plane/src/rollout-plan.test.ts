import type { Edge } from '@dotline/model/edge';
import { makeRevision, type Revision } from '@dotline/model/revision';
import { describe, expect, it } from '@jest/globals';
import { isRevocation, rolloutSteps, touchedServices } from './rollout-plan.js';
import { testEdge, testMesh } from './testing/test-revision.js';

const AB = testEdge('a', 'b', ['read']);
const AB_WIDE = testEdge('a', 'b', ['read', 'write']);
const CB = testEdge('c', 'b', ['read']);

describe('rollout steps', () => {
  const cases: [string, Edge[], Edge[], string[]][] = [
    ['an edge is added: the callee first', [], [AB], ['widen', 'switch']],
    ['an edge is removed: the callee last', [AB], [], ['switch', 'narrow']],
    ['an edge is widened', [AB], [AB_WIDE], ['widen', 'switch', 'narrow']],
    ['one is added and another removed', [AB], [CB], ['widen', 'switch', 'narrow']],
    ['nothing about edges', [AB], [AB], ['switch']],
  ];
  it.each(cases)('%s', (_title, before, after, names) => {
    const steps = rolloutSteps(revision(before), revision(after));
    expect(steps.map(({ name }) => name)).toEqual(names);
  });

  it.each(cases)('never give a caller a route that its callee refuses: %s', (_t, from, to) => {
    const before = revision(from);
    const after = revision(to);
    const stages = [
      { inbound: before, rest: before },
      ...rolloutSteps(before, after).map(({ stage }) => stage),
    ];
    // Callers and callees change in any order within a step, so either side may still be the old one.
    for (const [index, stage] of stages.entries()) {
      const next = stages[index + 1] ?? stage;
      for (const callers of [stage.rest, next.rest]) {
        for (const callees of [stage.inbound, next.inbound]) {
          const allowed = new Set(operationsOf(callees));
          expect(operationsOf(callers).filter((each) => !allowed.has(each))).toEqual([]);
        }
      }
    }
  });

  it('never let in what neither revision allows, and end at the new one', () => {
    const before = revision([AB, CB]);
    const after = revision([AB_WIDE]);
    const allowed = new Set([...operationsOf(before), ...operationsOf(after)]);
    const steps = rolloutSteps(before, after);
    for (const { stage } of steps) {
      expect(operationsOf(stage.inbound).filter((each) => !allowed.has(each))).toEqual([]);
    }
    expect(steps.at(-1)?.stage).toEqual({ inbound: after, rest: after });
  });

  it('know the operations of both catalogs while both are in use', () => {
    const before = makeRevision(
      { mesh: testMesh(['a', 'b']), edges: [], createdAtMs: 1 },
      undefined,
    );
    const mesh = testMesh(['a', 'b', 'd']);
    const after = makeRevision(
      { mesh, edges: [testEdge('a', 'd', ['read'])], createdAtMs: 2 },
      before,
    );
    const [widen] = rolloutSteps(before, after);
    const known = widen?.stage.inbound.mesh.services.map(({ name }) => name);
    expect(known).toEqual(['a', 'b', 'd']);
  });
});

describe('touched services', () => {
  it('are both ends of the edges that differ', () => {
    expect(touchedServices(revision([AB]), revision([AB, CB]))).toEqual(new Set(['b', 'c']));
    expect(touchedServices(revision([AB]), revision([AB]))).toEqual(new Set());
  });

  it('are those of an edge that took its form in another revision', () => {
    const before = revision([AB]);
    const after = { ...before, edgeRevisions: { [AB.id]: 'other' } };
    expect(touchedServices(before, after)).toEqual(new Set(['a', 'b']));
  });

  it('are all when the catalog differs, but not for another folder or objective', () => {
    const before = revision([AB]);
    const mesh = { ...before.mesh, contact: 'someone else' };
    expect(touchedServices(before, { ...before, mesh })).toBe('all');
    const moved = { ...before.mesh, directory: '/elsewhere', objectives: [] };
    expect(touchedServices(before, { ...before, mesh: moved })).toEqual(new Set());
  });
});

describe('revocation', () => {
  it.each([
    ['an edge goes', [AB], [], true],
    ['an operation goes', [AB_WIDE], [AB], true],
    ['an operation comes', [AB], [AB_WIDE], false],
    ['an edge comes', [], [AB], false],
  ])('%s', (_title, before, after, expected) => {
    expect(isRevocation(revision(before), revision(after))).toBe(expected);
  });
});

function revision(edges: readonly Edge[]): Revision {
  const mesh = testMesh(['a', 'b', 'c']);
  const made = makeRevision({ mesh, edges, createdAtMs: 1 }, undefined);
  // Edges keep their names over revisions, as they do when each follows the other.
  return { ...made, edgeRevisions: Object.fromEntries(edges.map(({ id }) => [id, 'r'])) };
}

function operationsOf(revision: Revision): string[] {
  return revision.edges.flatMap((edge) =>
    edge.operations.map(({ operation }) => `${edge.caller} ${operation}`),
  );
}
