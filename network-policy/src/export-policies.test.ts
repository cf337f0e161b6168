import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { stringify } from 'yaml';
import type { Peer } from './cluster.js';
import { exportPolicies, manifestsText, SERVICE_LABEL } from './export-policies.js';
import { isAllowed } from './is-allowed.js';
import { parseManifests } from './read-manifests.js';

const OPTIONS = { namespace: 'shop', platformNamespace: 'dotline-system' };
const NAMES = ['accounts', 'fare', 'maps', 'orders', 'payment'];

interface NamedService {
  readonly name: string;
  readonly egress?: { readonly hosts: readonly { readonly host: string }[] };
}

interface NamedEdge {
  readonly caller: string;
  readonly callee: string;
}

function clusterOf(services: readonly NamedService[], edges: readonly NamedEdge[]) {
  const pod = (name: string, namespace: string) =>
    stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels: { [SERVICE_LABEL]: name } },
      spec: { containers: [{ name, ports: [{ containerPort: 15_006 }] }] },
    });
  const pods = [
    ...services.map(({ name }) => pod(name, 'shop')),
    pod('collector', 'dotline-system'),
    pod('coredns', 'kube-system'),
    pod('orders', 'elsewhere'),
  ];
  const policies = manifestsText(exportPolicies(services, edges, OPTIONS));
  const cluster = parseManifests([{ file: 'all.yaml', text: [...pods, policies].join('---\n') }]);
  const at = (namespace: string, name: string): Peer => {
    const found = cluster.pods.find((each) => each.namespace === namespace && each.name === name);
    if (found === undefined) throw new Error(`there is no pod ${namespace}/${name}`);
    return { kind: 'pod', pod: found };
  };
  const reaches = (from: Peer, to: Peer, port = 15_006, protocol: 'TCP' | 'UDP' = 'TCP') =>
    isAllowed(cluster, from, to, { protocol, port }).allowed;
  return { at, reaches };
}

describe('edges as NetworkPolicies', () => {
  it('let sidecars connect exactly where there is an edge', () => {
    const pairs = NAMES.flatMap((caller) =>
      NAMES.flatMap((callee) => (caller === callee ? [] : [{ caller, callee }])),
    );
    fc.assert(
      fc.property(fc.subarray(pairs), (edges) => {
        const { at, reaches } = clusterOf(
          NAMES.map((name) => ({ name })),
          edges,
        );
        const reached = pairs.filter(({ caller, callee }) =>
          reaches(at('shop', caller), at('shop', callee)),
        );
        expect(reached).toEqual(edges);
        for (const { caller, callee } of pairs) {
          expect(reaches(at('shop', caller), at('shop', callee), 8080)).toBe(false);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('leave DNS and the platform, and nothing from elsewhere', () => {
    const { at, reaches } = clusterOf(
      [{ name: 'orders' }, { name: 'fare' }],
      [{ caller: 'orders', callee: 'fare' }],
    );
    const orders = at('shop', 'orders');
    expect(reaches(orders, at('kube-system', 'coredns'), 53, 'UDP')).toBe(true);
    expect(reaches(orders, at('kube-system', 'coredns'), 9153)).toBe(false);
    expect(reaches(orders, at('dotline-system', 'collector'), 4317)).toBe(true);
    expect(reaches(at('elsewhere', 'orders'), at('shop', 'fare'))).toBe(false);
    expect(reaches(orders, { kind: 'address', address: '203.0.113.7' }, 443)).toBe(false);
  });

  it('let only an egress service out, at the ports of its hosts', () => {
    const services = [
      { name: 'orders' },
      { name: 'cards', egress: { hosts: [{ host: 'api.cards.example:8443' }] } },
    ];
    const { at, reaches } = clusterOf(services, [{ caller: 'orders', callee: 'cards' }]);
    const outside: Peer = { kind: 'address', address: '203.0.113.7' };
    expect(reaches(at('shop', 'cards'), outside, 8443)).toBe(true);
    expect(reaches(at('shop', 'cards'), outside, 443)).toBe(false);
    expect(reaches(at('shop', 'orders'), outside, 8443)).toBe(false);
  });
});
