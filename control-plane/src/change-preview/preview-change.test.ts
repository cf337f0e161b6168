import type { Edge } from '@dotline/model/edge';
import { makeRevision } from '@dotline/model/revision';
import { expect, it } from '@jest/globals';
import { testEdge, testMesh } from '../testing/test-revision.js';
import { previewChange } from './preview-change.js';
import type { PreviewSide, TrafficLook } from './preview-policies.js';

const NOT_SEEN: TrafficLook = { notSeen: 'no mesh is up' };

function sideOf(edges: readonly Edge[]): PreviewSide {
  const revision = makeRevision({ mesh: testMesh(['a', 'b']), edges, createdAtMs: 1 }, undefined);
  return { revision, relations: { needs: [], grants: [], baseline: [], refused: [] } };
}

function seen(operation: string): TrafficLook {
  const operations = [{ caller: 'a', callee: 'b', operation, requests: 3 }];
  return { seen: { sinceMs: 0, untilMs: 1, operations } };
}

const both = sideOf([testEdge('a', 'b', ['read', 'write'])]);
const one = sideOf([testEdge('a', 'b', ['read'])]);

it.each<[string, PreviewSide, PreviewSide, TrafficLook, string]>([
  ['takes away what is used', both, one, seen('b.write'), 'unsafe'],
  ['takes away what is not used', both, one, seen('b.read'), 'safe'],
  ['takes away what nobody looked at', both, one, NOT_SEEN, 'unknown'],
  ['only adds', one, both, NOT_SEEN, 'safe'],
  ['is none', both, both, NOT_SEEN, 'safe'],
])('a change that %s', (_title, before, after, traffic, verdict) => {
  const preview = previewChange(before, after, traffic);
  expect(preview.verdict).toBe(verdict);
  expect(preview.traffic.denied === null).toBe('notSeen' in traffic);
});
