import { BlockList, isIPv6 } from 'node:net';
import type {
  Cluster,
  NetworkPolicy,
  Peer,
  PeerRule,
  Pod,
  PortRule,
  Protocol,
  TrafficRule,
} from './cluster.js';
import { selects } from './label-selector.js';

export interface TargetPort {
  readonly protocol: Protocol;
  readonly port: number;
}

/** What was decided at one end of a connection. */
export interface Decision {
  readonly allowed: boolean;
  /** No policy selects the pod for this direction, so everything is allowed. */
  readonly isDefault: boolean;
  /** The policies that allow it. */
  readonly by: readonly NetworkPolicy[];
}

/** A connection, judged at both ends: it comes about when both allow it. */
export interface Judgement {
  readonly allowed: boolean;
  readonly egress: Decision;
  readonly ingress: Decision;
}

const OUTSIDE: Decision = { allowed: true, isDefault: true, by: [] };

/**
 * Whether a peer may connect to another one at a port. "For a connection from a source pod to a
 * destination pod to be allowed, both the egress policy on the source pod and the ingress policy on the
 * destination pod need to allow the connection"; policies "do not conflict; they are additive"; and
 * "by default, a pod is non-isolated": where no policy selects it, all is allowed. A pod reaches itself.
 * https://kubernetes.io/docs/concepts/services-networking/network-policies/#the-two-sorts-of-pod-isolation
 */
export function isAllowed(cluster: Cluster, from: Peer, to: Peer, port: TargetPort): Judgement {
  if (from.kind === 'pod' && to.kind === 'pod' && from.pod === to.pod) {
    return { allowed: true, egress: OUTSIDE, ingress: OUTSIDE };
  }
  const egress = decide(cluster, 'egress', from, to, port, to);
  const ingress = decide(cluster, 'ingress', to, from, port, to);
  return { allowed: egress.allowed && ingress.allowed, egress, ingress };
}

function decide(
  cluster: Cluster,
  direction: 'ingress' | 'egress',
  subject: Peer,
  other: Peer,
  port: TargetPort,
  target: Peer,
): Decision {
  if (subject.kind === 'address') return OUTSIDE;
  const { pod } = subject;
  const isolating = cluster.policies.filter(
    (policy) =>
      policy[direction] !== undefined &&
      policy.namespace === pod.namespace &&
      selects(policy.pods, pod.labels),
  );
  if (isolating.length === 0) return OUTSIDE;
  const allows = (rule: TrafficRule, namespace: string) =>
    (rule.peers?.some((peer) => matchesPeer(cluster, peer, namespace, other)) ?? true) &&
    (rule.ports?.some((each) => matchesPort(each, port, target)) ?? true);
  const by = isolating.filter((policy) =>
    policy[direction]?.some((rule) => allows(rule, policy.namespace)),
  );
  return { allowed: by.length > 0, isDefault: false, by };
}

function matchesPeer(cluster: Cluster, rule: PeerRule, namespace: string, peer: Peer): boolean {
  if (rule.kind === 'addresses') {
    const address = peer.address;
    return address !== undefined && isWithin(address, rule.cidr, rule.except);
  }
  if (peer.kind !== 'pod') return false;
  const { pod } = peer;
  return (
    (rule.namespaces === undefined
      ? pod.namespace === namespace
      : selects(rule.namespaces, namespaceLabels(cluster, pod))) &&
    (rule.pods === undefined || selects(rule.pods, pod.labels))
  );
}

function namespaceLabels(cluster: Cluster, pod: Pod): Readonly<Record<string, string>> {
  const known = cluster.namespaces.find(({ name }) => name === pod.namespace);
  return known?.labels ?? { 'kubernetes.io/metadata.name': pod.namespace };
}

/** A named port is one of the target pod; an address has none. */
function matchesPort(rule: PortRule, { protocol, port }: TargetPort, target: Peer): boolean {
  if (rule.protocol !== protocol) return false;
  if (rule.port === undefined) return true;
  if (typeof rule.port === 'number')
    return rule.port <= port && port <= (rule.endPort ?? rule.port);
  return (
    target.kind === 'pod' &&
    target.pod.ports.some(
      (named) => named.name === rule.port && named.protocol === protocol && named.port === port,
    )
  );
}

function isWithin(address: string, cidr: string, except: readonly string[]): boolean {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  return (
    blockOf(cidr).check(address, family) &&
    !except.some((each) => blockOf(each).check(address, family))
  );
}

function blockOf(cidr: string): BlockList {
  const [network = '', prefix = ''] = cidr.split('/');
  const block = new BlockList();
  block.addSubnet(network, Number(prefix), isIPv6(network) ? 'ipv6' : 'ipv4');
  return block;
}
