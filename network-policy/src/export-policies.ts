import type { Edge } from '@dotline/model/edge';
import { egressPort } from '@dotline/model/egress';
import type { Service } from '@dotline/model/mesh';
import { stringify } from 'yaml';

/** By which pods are known as those of a service. https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/ */
export const SERVICE_LABEL = 'app.kubernetes.io/name';

/** Sidecars take mTLS connections here. */
const SIDECAR_PORT = 15_006;
const DNS_PORT = 53;

type ExportedService = Pick<Service, 'name' | 'egress'>;
type ExportedEdge = Pick<Edge, 'caller' | 'callee'>;

export interface ExportOptions {
  /** Where the services' pods are. */
  readonly namespace: string;
  /** Where control plane, collector and DNS are looked for: any port of the first two. */
  readonly platformNamespace: string;
}

/**
 * Edges as NetworkPolicies, for defence in depth: pods whose sidecars may not speak to each other cannot
 * even connect. One policy denies everything in the namespace, and one for each service allows it what
 * its edges need, at both ends. Operations are the sidecars' affair; a NetworkPolicy knows ports.
 */
export function exportPolicies(
  services: readonly ExportedService[],
  edges: readonly ExportedEdge[],
  options: ExportOptions,
): object[] {
  return [
    policy('dotline-default-deny', options, {
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    }),
    ...services.map((service) => policyOf(service, edges, options)),
  ];
}

/** Manifests as YAML documents. */
export function manifestsText(manifests: readonly object[]): string {
  return manifests.map((manifest) => stringify(manifest)).join('---\n');
}

function policyOf(
  service: ExportedService,
  edges: readonly ExportedEdge[],
  options: ExportOptions,
): object {
  const { name } = service;
  const callers = edges.filter(({ callee }) => callee === name).map(({ caller }) => caller);
  const callees = edges.filter(({ caller }) => caller === name).map(({ callee }) => callee);
  const sidecars = [{ protocol: 'TCP', port: SIDECAR_PORT }];
  const dns = ['UDP', 'TCP'].map((protocol) => ({ protocol, port: DNS_PORT }));
  const platform = {
    namespaceSelector: {
      matchLabels: { 'kubernetes.io/metadata.name': options.platformNamespace },
    },
  };
  return policy(`dotline-${name}`, options, {
    podSelector: podsOf([name]),
    policyTypes: ['Ingress', 'Egress'],
    ingress:
      callers.length === 0 ? [] : [{ from: [{ podSelector: podsOf(callers) }], ports: sidecars }],
    egress: [
      ...(callees.length === 0
        ? []
        : [{ to: [{ podSelector: podsOf(callees) }], ports: sidecars }]),
      { to: [platform] },
      { to: [{ namespaceSelector: {} }], ports: dns },
      ...outside(service),
    ],
  });
}

/** An egress service reaches every address at its hosts' ports: NetworkPolicies know no names. */
function outside({ egress }: ExportedService): object[] {
  const ports = [...new Set((egress?.hosts ?? []).map(({ host }) => egressPort(host)))].sort(
    (a, b) => a - b,
  );
  if (ports.length === 0) return [];
  return [
    {
      to: ['0.0.0.0/0', '::/0'].map((cidr) => ({ ipBlock: { cidr } })),
      ports: ports.map((port) => ({ protocol: 'TCP', port })),
    },
  ];
}

function policy(name: string, { namespace }: ExportOptions, spec: object): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace, labels: { 'app.kubernetes.io/managed-by': 'dotline' } },
    spec,
  };
}

function podsOf(services: readonly string[]): object {
  const [only] = services;
  const values = [...services].sort();
  return services.length === 1 && only !== undefined
    ? { matchLabels: { [SERVICE_LABEL]: only } }
    : { matchExpressions: [{ key: SERVICE_LABEL, operator: 'In', values }] };
}
