import { isIPv4 } from 'node:net';

/*
 * The rules of NetworkPolicies once more, as plainly as they can be said and without a line in common
 * with the code that is tested: over the objects as a user writes them, with all pods listed out.
 * https://kubernetes.io/docs/concepts/services-networking/network-policies/
 */

export interface RawSelector {
  readonly matchLabels?: Record<string, string>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

export interface RawPeer {
  readonly podSelector?: RawSelector;
  readonly namespaceSelector?: RawSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

export interface RawPort {
  readonly protocol?: string;
  readonly port?: number | string;
  readonly endPort?: number;
}

export interface RawRule {
  readonly from?: readonly RawPeer[];
  readonly to?: readonly RawPeer[];
  readonly ports?: readonly RawPort[];
}

export interface RawPolicy {
  readonly apiVersion: 'networking.k8s.io/v1';
  readonly kind: 'NetworkPolicy';
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly podSelector: RawSelector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly RawRule[];
    readonly egress?: readonly RawRule[];
  };
}

export interface RawPod {
  readonly apiVersion: 'v1';
  readonly kind: 'Pod';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Record<string, string>;
  };
  readonly spec: {
    readonly containers: readonly {
      readonly name: string;
      readonly ports: readonly {
        readonly name?: string;
        readonly containerPort: number;
        readonly protocol?: string;
      }[];
    }[];
  };
}

export interface RawNamespace {
  readonly apiVersion: 'v1';
  readonly kind: 'Namespace';
  readonly metadata: { readonly name: string; readonly labels: Record<string, string> };
}

export interface RawCluster {
  readonly namespaces: readonly RawNamespace[];
  readonly pods: readonly RawPod[];
  readonly policies: readonly RawPolicy[];
}

/** Whether a pod may connect to another pod or, given an address, to that one. */
export function naivelyAllowed(
  cluster: RawCluster,
  from: RawPod,
  to: RawPod | string,
  port: { readonly protocol: string; readonly port: number },
): boolean {
  if (from === to) return true;
  let leaving = true;
  let entering = true;
  const egress = cluster.policies.filter(
    (policy) => appliesTo(policy, from) && looksAt(policy, 'Egress'),
  );
  if (egress.length > 0) {
    leaving = false;
    for (const policy of egress) {
      for (const rule of policy.spec.egress ?? []) {
        if (peerFits(cluster, policy, rule.to, to) && portFits(rule.ports, port, to))
          leaving = true;
      }
    }
  }
  if (typeof to !== 'string') {
    const ingress = cluster.policies.filter(
      (policy) => appliesTo(policy, to) && looksAt(policy, 'Ingress'),
    );
    if (ingress.length > 0) {
      entering = false;
      for (const policy of ingress) {
        for (const rule of policy.spec.ingress ?? []) {
          if (peerFits(cluster, policy, rule.from, from) && portFits(rule.ports, port, to)) {
            entering = true;
          }
        }
      }
    }
  }
  return leaving && entering;
}

function looksAt({ spec }: RawPolicy, type: 'Ingress' | 'Egress'): boolean {
  if (spec.policyTypes !== undefined && spec.policyTypes.length > 0) {
    return spec.policyTypes.includes(type);
  }
  if (type === 'Ingress') return true;
  return spec.egress !== undefined && spec.egress.length > 0;
}

function appliesTo({ metadata, spec }: RawPolicy, pod: RawPod): boolean {
  return (
    metadata.namespace === pod.metadata.namespace && fits(spec.podSelector, pod.metadata.labels)
  );
}

function peerFits(
  cluster: RawCluster,
  policy: RawPolicy,
  peers: readonly RawPeer[] | undefined,
  other: RawPod | string,
): boolean {
  if (peers === undefined || peers.length === 0) return true;
  for (const { podSelector, namespaceSelector, ipBlock } of peers) {
    if (ipBlock !== undefined) {
      if (typeof other !== 'string') continue;
      const isExcepted = (ipBlock.except ?? []).some((cidr) => inBlock(other, cidr));
      if (inBlock(other, ipBlock.cidr) && !isExcepted) return true;
    } else if (typeof other !== 'string') {
      const { namespace, labels } = other.metadata;
      const namespaces =
        namespaceSelector === undefined
          ? [policy.metadata.namespace]
          : cluster.namespaces
              .filter(({ metadata }) =>
                fits(namespaceSelector, {
                  ...metadata.labels,
                  'kubernetes.io/metadata.name': metadata.name,
                }),
              )
              .map(({ metadata }) => metadata.name);
      if (namespaces.includes(namespace) && (!podSelector || fits(podSelector, labels)))
        return true;
    }
  }
  return false;
}

function portFits(
  ports: readonly RawPort[] | undefined,
  { protocol, port }: { readonly protocol: string; readonly port: number },
  target: RawPod | string,
): boolean {
  if (ports === undefined || ports.length === 0) return true;
  for (const rule of ports) {
    if ((rule.protocol ?? 'TCP') !== protocol) continue;
    if (rule.port === undefined) return true;
    if (typeof rule.port === 'number') {
      for (let each = rule.port; each <= (rule.endPort ?? rule.port); each++) {
        if (each === port) return true;
      }
    } else if (typeof target !== 'string') {
      for (const container of target.spec.containers) {
        for (const own of container.ports) {
          const isNamed = own.name === rule.port && (own.protocol ?? 'TCP') === protocol;
          if (isNamed && own.containerPort === port) return true;
        }
      }
    }
  }
  return false;
}

function fits(selector: RawSelector, labels: Record<string, string>): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    if (labels[key] !== value) return false;
  }
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const has = key in labels;
    if (operator === 'Exists' && !has) return false;
    if (operator === 'DoesNotExist' && has) return false;
    if (operator === 'In' && !(has && values.includes(labels[key] ?? ''))) return false;
    if (operator === 'NotIn' && has && values.includes(labels[key] ?? '')) return false;
  }
  return true;
}

/** IPv4 by bits. */
function inBlock(address: string, cidr: string): boolean {
  const [network = '', prefix = ''] = cidr.split('/');
  if (!isIPv4(address) || !isIPv4(network)) return false;
  const bits = (text: string) =>
    text
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('');
  return bits(address).slice(0, Number(prefix)) === bits(network).slice(0, Number(prefix));
}
