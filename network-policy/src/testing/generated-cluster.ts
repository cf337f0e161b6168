import fc from 'fast-check';
import type {
  RawCluster,
  RawNamespace,
  RawPeer,
  RawPod,
  RawPolicy,
  RawPort,
  RawRule,
  RawSelector,
} from './naive-oracle.js';

/* Small alphabets, so that selectors meet labels, and rules meet each other. */
const keys = fc.constantFrom('app', 'tier');
const values = fc.constantFrom('a', 'b', 'c');
const namespaceNames = ['shop', 'bank'] as const;
const protocols = fc.constantFrom('TCP', 'UDP');
const portNumbers = fc.integer({ min: 80, max: 83 });
const portNames = fc.constantFrom('http', 'admin');
export const addresses = fc.constantFrom('10.1.2.3', '10.1.9.9', '10.200.0.1', '192.168.7.7');
const cidrs = fc.constantFrom(
  '0.0.0.0/0',
  '10.0.0.0/8',
  '10.1.0.0/16',
  '10.1.2.0/24',
  '10.1.2.3/32',
);

const labels = fc.dictionary(keys, values, { maxKeys: 2, noNullPrototype: true });

const selector: fc.Arbitrary<RawSelector> = fc.record(
  {
    matchLabels: fc.dictionary(keys, values, { maxKeys: 1, noNullPrototype: true }),
    matchExpressions: fc.array(
      fc.oneof(
        fc.record({
          key: keys,
          operator: fc.constantFrom('In', 'NotIn'),
          values: fc.uniqueArray(values, { minLength: 1, maxLength: 2 }),
        }),
        fc.record({ key: keys, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
      ),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: [] },
);

const peer: fc.Arbitrary<RawPeer> = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector: selector }),
  fc.record({ podSelector: selector, namespaceSelector: selector }),
  fc.record({
    namespaceSelector: fc.record({
      matchLabels: fc.record({
        'kubernetes.io/metadata.name': fc.constantFrom(...namespaceNames),
      }),
    }),
  }),
  fc.record({
    ipBlock: fc.record(
      { cidr: cidrs, except: fc.array(cidrs, { maxLength: 2 }) },
      { requiredKeys: ['cidr'] },
    ),
  }),
);

const port: fc.Arbitrary<RawPort> = fc.oneof(
  fc.record({ protocol: protocols, port: portNumbers }, { requiredKeys: [] }),
  fc.record({ protocol: protocols, port: portNames }, { requiredKeys: ['port'] }),
  fc
    .record({ port: portNumbers, more: fc.nat(2) })
    .map(({ port: first, more }) => ({ port: first, endPort: first + more })),
);

const rule = (side: 'from' | 'to'): fc.Arbitrary<RawRule> =>
  fc.record(
    { [side]: fc.array(peer, { maxLength: 2 }), ports: fc.array(port, { maxLength: 2 }) },
    { requiredKeys: [] },
  );

const policy: fc.Arbitrary<RawPolicy> = fc.record({
  apiVersion: fc.constant('networking.k8s.io/v1' as const),
  kind: fc.constant('NetworkPolicy' as const),
  metadata: fc.record({
    name: fc.constant('p'),
    namespace: fc.constantFrom(...namespaceNames),
  }),
  spec: fc.record(
    {
      podSelector: selector,
      policyTypes: fc.uniqueArray(fc.constantFrom('Ingress', 'Egress'), { maxLength: 2 }),
      ingress: fc.array(rule('from'), { maxLength: 2 }),
      egress: fc.array(rule('to'), { maxLength: 2 }),
    },
    { requiredKeys: ['podSelector'] },
  ),
});

const pod: fc.Arbitrary<RawPod> = fc.record({
  apiVersion: fc.constant('v1' as const),
  kind: fc.constant('Pod' as const),
  metadata: fc.record({
    name: fc.constant('pod'),
    namespace: fc.constantFrom(...namespaceNames),
    labels,
  }),
  spec: fc.record({
    containers: fc.array(
      fc.record({
        name: fc.constant('main'),
        ports: fc.array(
          fc.record(
            { name: portNames, containerPort: portNumbers, protocol: protocols },
            { requiredKeys: ['containerPort'] },
          ),
          { maxLength: 2 },
        ),
      }),
      { minLength: 1, maxLength: 2 },
    ),
  }),
});

/** Two namespaces, two to four pods, up to four policies. */
export const clusters: fc.Arbitrary<RawCluster> = fc.record({
  namespaces: fc.tuple(...namespaceNames.map((name) => namespace(name))),
  pods: fc.array(pod, { minLength: 2, maxLength: 4 }),
  policies: fc.array(policy, { maxLength: 4 }),
});

export const targetPorts = fc.record({ protocol: protocols, port: portNumbers });

function namespace(name: string): fc.Arbitrary<RawNamespace> {
  return fc.record({
    apiVersion: fc.constant('v1' as const),
    kind: fc.constant('Namespace' as const),
    metadata: fc.record({ name: fc.constant(name), labels }),
  });
}
