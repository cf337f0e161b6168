import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { stringify } from 'yaml';
import type { Peer } from './cluster.js';
import { isAllowed, type TargetPort } from './is-allowed.js';
import { parseManifests } from './read-manifests.js';
import { addresses, clusters, targetPorts } from './testing/generated-cluster.js';
import { naivelyAllowed, type RawCluster } from './testing/naive-oracle.js';

const RUNS = 400;

describe('whether a connection is allowed', () => {
  it('is what the rules say, for pods of any clusters', () => {
    let allowed = 0;
    let denied = 0;
    fc.assert(
      fc.property(clusters, targetPorts, (raw, port) => {
        const cluster = parsed(raw);
        for (const [from, source] of raw.pods.entries()) {
          for (const [to, target] of raw.pods.entries()) {
            const expected = naivelyAllowed(raw, source, target, port);
            if (expected) allowed++;
            else denied++;
            const found = isAllowed(cluster, podAt(from), podAt(to), port as TargetPort);
            expect(found.allowed).toBe(expected);
          }
        }
        function podAt(index: number): Peer {
          const pod = cluster.pods[index];
          if (pod === undefined) throw new Error(`there is no pod ${index}`);
          return { kind: 'pod', pod };
        }
      }),
      { numRuns: RUNS },
    );
    // Neither answer alone would do.
    expect(Math.min(allowed, denied)).toBeGreaterThan((allowed + denied) / 10);
  });

  it('is what the rules say, for addresses outside', () => {
    fc.assert(
      fc.property(clusters, addresses, targetPorts, (raw, address, port) => {
        const cluster = parsed(raw);
        const [source] = raw.pods;
        const [pod] = cluster.pods;
        if (source === undefined || pod === undefined) throw new Error('there is no pod');
        const to: Peer = { kind: 'address', address };
        const found = isAllowed(cluster, { kind: 'pod', pod }, to, port as TargetPort);
        expect(found.allowed).toBe(naivelyAllowed(raw, source, address, port));
      }),
      { numRuns: RUNS },
    );
  });

  // As the documentation of Kubernetes puts them, and the recipes that everybody copies.
  const web = { protocol: 'TCP', port: 80 } as const;
  const metrics = { protocol: 'TCP', port: 5000 } as const;
  const dns = { protocol: 'UDP', port: 53 } as const;
  it.each<[string, string, [from: string, to: string, port: TargetPort, allowed: boolean][]]>([
    ['nothing selects a pod: everybody reaches it', '', [['shop/api', 'shop/web', web, true]]],
    [
      'deny all traffic to an application',
      ingress('{matchLabels: {app: web}}', '[]'),
      [
        ['shop/api', 'shop/web', web, false],
        ['shop/web', 'shop/api', web, true],
        ['shop/web', 'shop/web', web, true],
      ],
    ],
    [
      'limit traffic to an application',
      ingress('{matchLabels: {app: api}}', '[{from: [{podSelector: {matchLabels: {app: web}}}]}]'),
      [
        ['shop/web', 'shop/api', web, true],
        ['shop/db', 'shop/api', web, false],
        ['bank/web', 'shop/api', web, false],
      ],
    ],
    [
      'allow all traffic to an application, although another policy denies it',
      `${ingress('{}', '[]')}---\n${ingress('{matchLabels: {app: web}}', '[{}]')}`,
      [
        ['bank/web', 'shop/web', web, true],
        ['shop/web', 'shop/api', web, false],
      ],
    ],
    [
      'deny traffic from other namespaces',
      ingress('{}', '[{from: [{podSelector: {}}]}]'),
      [
        ['shop/db', 'shop/web', web, true],
        ['bank/web', 'shop/web', web, false],
      ],
    ],
    [
      'allow traffic from all namespaces',
      ingress('{matchLabels: {app: web}}', '[{from: [{namespaceSelector: {}}]}]'),
      [['bank/web', 'shop/web', web, true]],
    ],
    [
      'allow traffic from a namespace',
      ingress(
        '{matchLabels: {app: web}}',
        '[{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: bank}}}]}]',
      ),
      [
        ['bank/web', 'shop/web', web, true],
        ['shop/api', 'shop/web', web, false],
      ],
    ],
    [
      'one element with two selectors means both, two elements mean either',
      ingress(
        '{matchLabels: {app: db}}',
        '[{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: bank}}, podSelector: {matchLabels: {app: api}}}]}]',
      ),
      [
        ['bank/api', 'shop/db', web, true],
        ['bank/web', 'shop/db', web, false],
        ['shop/api', 'shop/db', web, false],
      ],
    ],
    [
      'allow traffic only to a port of an application',
      ingress(
        '{matchLabels: {app: api}}',
        '[{ports: [{port: 5000}], from: [{podSelector: {matchLabels: {role: monitoring}}}]}]',
      ),
      [
        ['shop/db', 'shop/api', metrics, true],
        ['shop/db', 'shop/api', web, false],
        ['shop/web', 'shop/api', metrics, false],
      ],
    ],
    [
      'a named port is the target pod’s',
      ingress('{matchLabels: {app: api}}', '[{ports: [{port: http}]}]'),
      [
        ['shop/web', 'shop/api', web, true],
        ['shop/web', 'shop/api', metrics, false],
      ],
    ],
    [
      'deny egress, but to DNS',
      egress('{matchLabels: {app: web}}', '[{ports: [{port: 53, protocol: UDP}]}]'),
      [
        ['shop/web', 'bank/web', dns, true],
        ['shop/web', 'shop/api', web, false],
        ['shop/api', 'shop/web', web, true],
      ],
    ],
    [
      'both ends must allow',
      `${egress('{matchLabels: {app: web}}', '[{to: [{podSelector: {matchLabels: {app: api}}}]}]')}---
${ingress('{matchLabels: {app: api}}', '[{from: [{podSelector: {matchLabels: {app: db}}}]}]')}`,
      [
        ['shop/web', 'shop/api', web, false],
        ['shop/db', 'shop/api', web, true],
      ],
    ],
    [
      'without policyTypes a policy with only ingress leaves egress alone',
      `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: shop}, spec: {podSelector: {matchLabels: {app: web}}}}\n`,
      [
        ['shop/api', 'shop/web', web, false],
        ['shop/web', 'shop/api', web, true],
      ],
    ],
  ])('%s', (_rule, policies, cases) => {
    const cluster = parseManifests([{ file: 'all.yaml', text: `${PODS}---\n${policies}` }]);
    const podNamed = (id: string): Peer => {
      const pod = cluster.pods.find(({ namespace, name }) => `${namespace}/${name}` === id);
      if (pod === undefined) throw new Error(`there is no pod ${id}`);
      return { kind: 'pod', pod };
    };
    const answers = cases.map(([from, to, port]) => [
      from,
      to,
      port,
      isAllowed(cluster, podNamed(from), podNamed(to), port).allowed,
    ]);
    expect(answers).toEqual(cases);
  });
});

const PODS = ['shop/web', 'shop/api', 'shop/db role=monitoring', 'bank/web', 'bank/api']
  .map((text) => {
    const [id = '', role] = text.split(' role=');
    const [namespace = '', name = ''] = id.split('/');
    return stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels: { app: name, ...(role === undefined ? {} : { role }) } },
      spec: { containers: [{ name, ports: [{ name: 'http', containerPort: 80 }] }] },
    });
  })
  .join('---\n');

function ingress(pods: string, rules: string): string {
  return `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: shop}, spec: {podSelector: ${pods}, policyTypes: [Ingress], ingress: ${rules}}}\n`;
}

function egress(pods: string, rules: string): string {
  return `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: shop}, spec: {podSelector: ${pods}, policyTypes: [Egress], egress: ${rules}}}\n`;
}

function parsed(raw: RawCluster) {
  const documents = [...raw.namespaces, ...raw.pods, ...raw.policies];
  const text = documents.map((document) => JSON.stringify(document)).join('\n---\n');
  return parseManifests([{ file: 'all.yaml', text }]);
}
