import type { ServerCredentials } from '@grpc/grpc-js';
import type { Node } from './gen/envoy/config/core/v3/base_pb.js';
import type { Hooks } from './hooks.js';
import type { Peer } from './peer.js';
import type { ResourceSource } from './resource-source.js';

/** Decides whether a client may have the resources of the node that it says it is. */
export type Authorizer = (client: {
  readonly peer: Peer;
  readonly node: Node;
}) => void | Promise<void>;

/** Decides whether a client may be told what other nodes hold: see `XdsServerOptions.authorizeStatus`. */
export type StatusAuthorizer = (client: {
  readonly peer: Peer;
  /** Who it says it is, if it says so. */
  readonly node: Node | undefined;
}) => void | Promise<void>;

/** How much of everything a server takes and gives. */
export interface Limits {
  /**
   * New streams that are let in each second, once `streamBurst` came at once. Others wait in line.
   * Default 500 with a burst of 250: 1,000 clients are in 1.5 s after a cold start.
   */
  readonly streamsPerSecond: number;
  readonly streamBurst: number;
  /**
   * A stream that would have to wait longer than this is refused with UNAVAILABLE as it arrives.
   * Default 10,000 ms, with which at most 5,000 streams wait; Envoy gives up a first fetch in 15 s.
   */
  readonly admissionWaitMs: number;
  /** Open connections; more are closed as they arrive. Default 10,000. */
  readonly connectionsMax: number;
  /** Streams of one connection. Default 32. */
  readonly streamsPerConnectionMax: number;
  /**
   * Streams, open or waiting, of one identity: the URIs of the client's verified certificate, else
   * its address. More get RESOURCE_EXHAUSTED. Default: no limit, since many clients may share one.
   */
  readonly streamsPerPeerMax: number;
  /** The largest request that is read. Default 16 MiB: the names and versions of 100,000 resources. */
  readonly requestBytesMax: number;
  /** Resource names in a request, versions of resources included. Default 100,000. */
  readonly namesPerRequestMax: number;
  /** Resource names that a stream subscribes to, of all types. Default 200,000. */
  readonly namesPerStreamMax: number;
  /**
   * Requests of one stream that are read each second, once `requestBurst` came at once; each 16 KiB
   * of a request count as one more. The rest stays with the client. Default 200, burst 1,000.
   */
  readonly requestsPerSecond: number;
  readonly requestBurst: number;
  /**
   * How large a response may get before the rest goes into another one, where the protocol lets
   * responses be split. Default 3 MiB, since gRPC clients read up to 4 MiB by default.
   */
  readonly responseBytesMax: number;
  /** Larger responses are reported to the hook `oversize`. Default 3.5 MiB. */
  readonly oversizeBytes: number;
  /**
   * How long a client may take to accept one message. Then its stream ends and its connection is
   * cut. Default 180,000 ms.
   */
  readonly stalledMs: number;
  /**
   * Make before break: routes wait until the client has new clusters ready, removals wait until the
   * client has the new routes. For at most so long; then the change goes on. Default 10,000 ms.
   */
  readonly phaseWaitMs: number;
  /** How often an idle connection is probed; a dead one is closed. Default 30,000 ms. */
  readonly keepaliveMs: number;
}

export const defaultLimits: Limits = {
  streamsPerSecond: 1_000,
  streamBurst: 500,
  admissionWaitMs: 10_000,
  connectionsMax: 10_000,
  streamsPerConnectionMax: 32,
  streamsPerPeerMax: Number.POSITIVE_INFINITY,
  requestBytesMax: 16 * 1024 * 1024,
  namesPerRequestMax: 100_000,
  namesPerStreamMax: 200_000,
  requestsPerSecond: 200,
  requestBurst: 1_000,
  responseBytesMax: 3 * 1024 * 1024,
  oversizeBytes: 3.5 * 1024 * 1024,
  stalledMs: 180_000,
  phaseWaitMs: 10_000,
  keepaliveMs: 30_000,
};

export interface XdsServerOptions extends Partial<Limits> {
  /** Where the resources come from: a `SnapshotCache` or a source of your own. */
  readonly cache: ResourceSource;
  /**
   * The name of the group of nodes whose resources a node is given, by its id, cluster, locality or
   * metadata. By default each node is a group of its own, named by its id. The node is what the client
   * says: let the authorizer check what you go by.
   */
  readonly groupOf?: (node: Node) => string;
  /** From grpc-js: `ServerCredentials.createInsecure()`, or `createSsl` with roots for mTLS. */
  readonly credentials: ServerCredentials;
  /**
   * Called with the first request of each stream, before anything is sent. Throw `PermissionDenied`
   * (or another `StreamRefused`) to refuse; anything else that is thrown refuses too, without
   * telling the client why. Without an authorizer every client may have the resources of any node
   * it names.
   */
  readonly authorize?: Authorizer;
  /**
   * Called with the first request of each call of the client status service (CSDS), which shows every
   * node's configuration. Refuse as in `authorize`. Without it every call is refused with
   * PERMISSION_DENIED.
   */
  readonly authorizeStatus?: StatusAuthorizer;
  /**
   * Why there is nothing to serve yet, such as 'no revision is loaded'; `undefined` when there is.
   * Meanwhile streams get UNAVAILABLE with the reason, and the health service says NOT_SERVING.
   * Called often.
   */
  readonly notReady?: () => string | undefined;
  readonly hooks?: Hooks;
}
