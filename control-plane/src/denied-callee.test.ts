import { makeRevision } from '@dotline/model/revision';
import { describe, expect, it } from '@jest/globals';
import { TypeUrl } from 'envoy-control-plane-ts';
import { deniedCallee } from './denied-callee.js';
import { testEdge, testMesh } from './testing/test-revision.js';

const mesh = testMesh(['orders', 'fare', 'payment']);
const edges = [testEdge('orders', 'fare', ['read'])];
const revision = makeRevision({ mesh, edges, createdAtMs: 1 }, undefined);

describe('a callee that a sidecar asks for by name', () => {
  it('is denied by name, with the team to ask, when there is no edge', () => {
    expect(deniedCallee(revision, 'orders', TypeUrl.Cluster, 'payment')).toEqual({
      code: 7,
      message: `orders may not call payment: no edge in revision ${revision.id}; ask team team (team@test.example), and see dotline explain orders payment`,
    });
  });

  it('is unknown when the mesh does not have it', () => {
    expect(deniedCallee(revision, 'orders', TypeUrl.Endpoint, 'nowhere')?.code).toBe(5);
  });

  it.each([
    ['an edge allows it', TypeUrl.Cluster, 'fare'],
    ['the type says nothing of callees', TypeUrl.Route, 'payment'],
  ])('is no problem when %s', (_why, typeUrl, name) => {
    expect(deniedCallee(revision, 'orders', typeUrl, name)).toBeUndefined();
  });
});
