import type { Edge } from '@dotline/model/edge';
import { makeRevision, type Revision } from '@dotline/model/revision';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { touchedServices } from '../rollout-plan.js';
import { testEdge, testMesh } from '../testing/test-revision.js';
import { sidecarChanges } from './sidecar-changes.js';

const SERVICES = ['a', 'b', 'c', 'd'];

function revisionOf(
  edges: readonly Edge[],
  previous?: Revision,
  services: readonly string[] = SERVICES,
): Revision {
  return makeRevision({ mesh: testMesh(services), edges, createdAtMs: 1 }, previous);
}

const edgeLists = fc
  .uniqueArray(
    fc.tuple(
      fc.constantFrom(...SERVICES),
      fc.constantFrom(...SERVICES),
      fc.subarray<'read' | 'write'>(['read', 'write'], { minLength: 1 }),
    ),
    { selector: ([caller, callee]) => `${caller} ${callee}`, maxLength: 6 },
  )
  .map((all) => all.filter(([caller, callee]) => caller !== callee))
  .map((all) => all.map((each) => testEdge(...each)));

describe('sidecars that a change concerns', () => {
  it('are those that a rollout would touch, and turned around the sizes are too', () => {
    fc.assert(
      fc.property(edgeLists, edgeLists, (first, second) => {
        const before = revisionOf(first);
        const after = revisionOf(second, before);
        const { changed, total } = sidecarChanges(before, after);
        expect(total).toBe(SERVICES.length);
        expect(new Set(changed.map(({ service }) => service))).toEqual(
          touchedServices(before, after),
        );
        const back = sidecarChanges(after, before).changed;
        expect(back.map((each) => [each.instance, each.bytesAfter, each.bytesBefore])).toEqual(
          changed.map((each) => [each.instance, each.bytesBefore, each.bytesAfter]),
        );
        for (const { bytesSent, bytesAfter } of changed) {
          expect(bytesSent).toBeGreaterThan(0);
          expect(bytesSent).toBeLessThan(bytesAfter);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('grow by what an edge needs at both of its ends', () => {
    const before = revisionOf([testEdge('a', 'b', ['read'])]);
    const after = revisionOf(
      [testEdge('a', 'b', ['read']), testEdge('c', 'd', ['read', 'write'])],
      before,
    );
    const { changed } = sidecarChanges(before, after);
    expect(changed.map(({ instance, change }) => [instance, change])).toEqual([
      ['c-1', 'changed'],
      ['d-1', 'changed'],
    ]);
    for (const { bytesBefore, bytesAfter } of changed)
      expect(bytesAfter).toBeGreaterThan(bytesBefore);
  });

  it('are told of another instance of their own service, and of one that they call', () => {
    const before = revisionOf([testEdge('a', 'b', ['read'])]);
    const services = before.mesh.services.map((service) =>
      service.name === 'b' ? { ...service, placement: ['cell-1', 'cell-1'] } : service,
    );
    const mesh = { ...before.mesh, services };
    const after = makeRevision({ mesh, edges: before.edges, createdAtMs: 2 }, before);
    const { changed, total } = sidecarChanges(before, after);
    expect(total).toBe(SERVICES.length + 1);
    expect(changed.map(({ instance, change }) => [instance, change])).toEqual([
      ['a-1', 'changed'],
      ['b-1', 'changed'],
      ['b-2', 'added'],
    ]);
  });

  it('come and go with their services', () => {
    const before = revisionOf([], undefined, ['a', 'b']);
    const { changed, total } = sidecarChanges(before, revisionOf([], before, ['b', 'c']));
    const of = (instance: string) => changed.find((each) => each.instance === instance);
    expect(total).toBe(2);
    expect(of('a-1')).toMatchObject({ change: 'removed', bytesAfter: 0, bytesSent: 0 });
    const added = of('c-1');
    expect(added).toMatchObject({ change: 'added', bytesBefore: 0 });
    expect(added?.bytesSent).toBe(added?.bytesAfter);
    // It knows the others by name, to tell a denied one from an unknown one.
    expect(of('b-1')?.change).toBe('changed');
  });
});
