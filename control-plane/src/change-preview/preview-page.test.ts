import type { Edge } from '@dotline/model/edge';
import { makeRevision } from '@dotline/model/revision';
import { expect, it } from '@jest/globals';
import { testEdge, testMesh } from '../testing/test-revision.js';
import { previewChange } from './preview-change.js';
import { boundedPreview, previewPicture } from './preview-page.js';
import type { PreviewSide } from './preview-policies.js';

function sideOf(services: readonly string[], edges: readonly Edge[]): PreviewSide {
  const revision = makeRevision({ mesh: testMesh(services), edges, createdAtMs: 1 }, undefined);
  return { revision, relations: { needs: [], grants: [], baseline: [], refused: [] } };
}

it('a picture has the services of both sides, each once, and the edges that both have', () => {
  const before = sideOf(
    ['a', 'b', 'c'],
    [testEdge('a', 'b', ['read']), testEdge('a', 'c', ['read'])],
  );
  const after = sideOf(
    ['a', 'b', 'd'],
    [testEdge('a', 'b', ['write']), testEdge('d', 'b', ['read'])],
  );
  const { services, kept, teams } = previewPicture(before, after);
  expect(services.map(({ name, side }) => [name, side])).toEqual([
    ['a', 'both'],
    ['b', 'both'],
    ['c', 'before'],
    ['d', 'after'],
  ]);
  expect(kept).toEqual([['a', 'b']]);
  expect(new Set(teams.map(({ name }) => name)).size).toBe(teams.length);
});

it('a kept preview has a bounded number of newly reachable ways, and says how many it lacks', () => {
  const names = ['a', 'b', 'c', 'd'];
  const edges = [
    testEdge('a', 'b', ['read']),
    testEdge('b', 'c', ['read']),
    testEdge('c', 'd', ['read']),
  ];
  const change = previewChange(sideOf(names, []), sideOf(names, edges), { notSeen: '' });
  // a, b and c reach d; a and b reach c; a reaches b.
  expect(boundedPreview(change)).toEqual({ preview: change, waysLeftOut: 0 });
  const { preview, waysLeftOut } = boundedPreview(change, 4);
  expect(preview?.newReach.flatMap(({ from }) => from)).toHaveLength(4);
  expect(waysLeftOut).toBe(2);
});
