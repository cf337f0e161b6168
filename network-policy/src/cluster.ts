import type { LabelSelector, Labels } from './label-selector.js';

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

export interface Namespace {
  readonly name: string;
  /** With `kubernetes.io/metadata.name`, which Kubernetes gives to each. */
  readonly labels: Labels;
}

/** A pod, or what a workload's pods have in common. */
export interface Pod {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  /** What its containers say that they listen on. */
  readonly ports: readonly {
    readonly name: string | undefined;
    readonly port: number;
    readonly protocol: Protocol;
  }[];
  /** Relative to the folder that was read. */
  readonly file: string;
  readonly line: number;
}

/** An end of a connection: a pod of the cluster, or an address that belongs to none. */
export type Peer =
  | { readonly kind: 'pod'; readonly pod: Pod; readonly address?: string }
  | { readonly kind: 'address'; readonly address: string };

/** Who may be at the other end. Of the selectors an absent one leaves out that condition. */
export type PeerRule =
  | {
      readonly kind: 'pods';
      /** Absent: the policy's own namespace. */
      readonly namespaces: LabelSelector | undefined;
      /** Absent: all pods of these namespaces. */
      readonly pods: LabelSelector | undefined;
    }
  | { readonly kind: 'addresses'; readonly cidr: string; readonly except: readonly string[] };

/** Which ports of the connection's target. */
export interface PortRule {
  readonly protocol: Protocol;
  /** A number, the name of a port of the target pod, or every port. */
  readonly port: number | string | undefined;
  /** Last port of a range that `port` begins. */
  readonly endPort: number | undefined;
}

/** One allowance: a peer among `peers` at a port among `ports`; an absent list is all of them. */
export interface TrafficRule {
  readonly peers: readonly PeerRule[] | undefined;
  readonly ports: readonly PortRule[] | undefined;
}

/** A NetworkPolicy (networking.k8s.io/v1). */
export interface NetworkPolicy {
  readonly name: string;
  readonly namespace: string;
  readonly pods: LabelSelector;
  /** `undefined`: the policy says nothing of this direction; an empty list: nothing is allowed. */
  readonly ingress: readonly TrafficRule[] | undefined;
  readonly egress: readonly TrafficRule[] | undefined;
  readonly file: string;
  readonly line: number;
}

/** What manifests say of a cluster. */
export interface Cluster {
  readonly namespaces: readonly Namespace[];
  readonly pods: readonly Pod[];
  readonly policies: readonly NetworkPolicy[];
}
