import { makeRevision } from '@dotline/model/revision';
import { describe, expect, it } from '@jest/globals';
import { TypeUrl } from 'envoy-control-plane-ts';
import { blame } from './blame.js';
import { testEdge, testMesh } from './testing/test-revision.js';

const before = makeRevision(
  { mesh: testMesh(['a', 'b', 'c']), edges: [testEdge('a', 'b', ['read'])], createdAtMs: 1 },
  undefined,
);
const revision = makeRevision(
  {
    mesh: testMesh(['a', 'b', 'c']),
    edges: [
      testEdge('a', 'b', ['read']),
      testEdge('a', 'c', ['read', 'write']),
      testEdge('c', 'b', ['read']),
    ],
    createdAtMs: 2,
  },
  before,
);

describe('a rejected resource comes from', () => {
  it.each([
    [
      'the need of the edge that its words name',
      'a',
      TypeUrl.Route,
      'outbound',
      'bad a->b',
      'a->b',
      'a.rego:10',
    ],
    [
      'the need of the operation that its words name',
      'a',
      TypeUrl.Route,
      'outbound',
      'bad c.write',
      'a->c',
      'a.rego:11',
    ],
    [
      'the need of the operation whose path its words repeat',
      'a',
      TypeUrl.Route,
      'outbound',
      "regex '/v1/items/[^/]+' is too large",
      'a->b',
      'a.rego:10',
    ],
    ['the edge that is new', 'a', TypeUrl.Route, 'outbound', 'bad', 'a->c', 'a.rego:10'],
    [
      'the grant, at the callee',
      'b',
      TypeUrl.ExtensionConfig,
      'inbound-authorization',
      'bad',
      'c->b',
      'b.rego:20',
    ],
    ['the edge to the cluster', 'a', TypeUrl.Cluster, 'b', 'bad', 'a->b', 'a.rego:10'],
  ] as const)('%s', (_title, service, typeUrl, name, detail, edge, rule) => {
    const [first] = blame(revision, service, { typeUrl, name, detail });
    expect(first?.edge).toBe(edge);
    expect(`${first?.file.split('/').at(-1)}:${first?.line}`).toBe(rule);
  });

  it('no rule when it is a listener', () => {
    const rejected = { typeUrl: TypeUrl.Listener, name: 'outbound', detail: 'bad' };
    expect(blame(revision, 'a', rejected)).toEqual([]);
  });
});
