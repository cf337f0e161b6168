import { makeRevision } from '@dotline/model/revision';
import { describe, expect, it } from '@jest/globals';
import { NotReady, PermissionDenied } from 'envoy-control-plane-ts';
import { authorizeSidecar, type SidecarClaim } from './sidecar-authorizer.js';
import { testMesh } from './testing/test-revision.js';

const mesh = testMesh(['fare', 'orders']);
const revision = makeRevision({ mesh, edges: [], createdAtMs: 1 }, undefined);
const registered = (id: string) => (id === 'fare-1' ? { service: 'fare' } : undefined);

const FARE: SidecarClaim = {
  uris: ['spiffe://test.example/service/fare'],
  nodeId: 'fare-1',
  nodeCluster: 'fare',
};

describe('a sidecar', () => {
  it.each([
    ['is let in for a registered instance of its service', FARE],
    ['may wait for its instance to be announced', { ...FARE, nodeId: 'fare-7' }],
  ])('%s', (_title, claim) => {
    expect(() => authorizeSidecar(claim, revision, registered)).not.toThrow();
  });

  it.each<[string, SidecarClaim, string]>([
    ['without a certificate', { ...FARE, uris: [] }, 'not none'],
    [
      "with another service's certificate",
      { ...FARE, uris: ['spiffe://test.example/service/orders'] },
      'service orders',
    ],
    [
      'of another trust domain',
      { ...FARE, uris: ['spiffe://evil.example/service/fare'] },
      'one service of test.example',
    ],
    [
      "with the platform's certificate",
      { ...FARE, uris: ['spiffe://test.example/platform/collector'] },
      'one service of test.example',
    ],
    [
      'with two identities',
      { ...FARE, uris: [...FARE.uris, 'spiffe://test.example/service/orders'] },
      'one service',
    ],
    ['that asks for another service', { ...FARE, nodeCluster: 'orders' }, 'node.cluster is orders'],
    ["that asks for another service's instance", { ...FARE, nodeId: 'orders-1' }, 'no instance'],
    ['without a number', { ...FARE, nodeId: 'fare' }, 'no instance'],
  ])('%s is refused', (_title, claim, reason) => {
    const attempt = () => authorizeSidecar(claim, revision, registered);
    expect(attempt).toThrow(PermissionDenied);
    expect(attempt).toThrow(reason);
  });

  it('is to come back later while no revision is live', () => {
    expect(() => authorizeSidecar(FARE, undefined, registered)).toThrow(NotReady);
  });
});
