import { create } from '@bufbuild/protobuf';
import { platformSpiffeId } from '@dotline/model/spiffe-id';
import {
  type Cluster,
  Cluster_DiscoveryType,
  ClusterSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/cluster/v3/cluster_pb';
import { tcpAddress, unixAddress } from './address.js';
import { milliseconds } from './duration.js';
import { http1Upstream, http2Upstream } from './http-upstream.js';
import { tlsToPeer } from './mutual-tls.js';
import { OwnCluster } from './names.js';
import { SidecarPath } from './sidecar-directory.js';

/** Node and uvicorn end idle connections after 5 s. */
const APP_IDLE_MS = 2_000;
/** A collector keeps them for 75 s; apps send spans every 5 s and metrics every minute. */
const COLLECTOR_IDLE_MS = 65_000;

/** An IP address and port of TCP. */
export interface TcpEndpoint {
  readonly address: string;
  readonly port: number;
}

/** The app beside the sidecar. */
export function appCluster(): Cluster {
  return create(ClusterSchema, {
    name: OwnCluster.app,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: milliseconds(1000),
    typedExtensionProtocolOptions: http1Upstream(APP_IDLE_MS),
    loadAssignment: singleEndpoint(OwnCluster.app, unixAddress(SidecarPath.app)),
    circuitBreakers: {
      thresholds: [{ maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 4096 }],
    },
  });
}

/** The host's authorizer, which must prove that it is one. */
export function authorizerCluster(trustDomain: string): Cluster {
  return create(ClusterSchema, {
    name: OwnCluster.authorizer,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC },
    connectTimeout: milliseconds(500),
    transportSocket: tlsToPeer(platformSpiffeId(trustDomain, 'authorizer')),
    typedExtensionProtocolOptions: http2Upstream,
    loadAssignment: singleEndpoint(OwnCluster.authorizer, unixAddress(SidecarPath.authorizer)),
    circuitBreakers: { thresholds: [{ maxPendingRequests: 1024, maxRequests: 1024 }] },
  });
}

// Envoy lets 3 requests of a cluster be retried at a time unless told; while the collector is away
// every batch of access logs waits for a retry, and those above the limit would be lost.
const collector = {
  clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.STATIC } as const,
  connectTimeout: milliseconds(1000),
  circuitBreakers: {
    thresholds: [{ maxRetries: 1024, maxPendingRequests: 4096, maxRequests: 4096 }],
  },
};

/** The collector's receiver of gRPC, reached with the sidecar's identity. */
export function collectorGrpcCluster({ address, port }: TcpEndpoint, trustDomain: string): Cluster {
  return create(ClusterSchema, {
    ...collector,
    name: OwnCluster.collectorGrpc,
    transportSocket: tlsToPeer(platformSpiffeId(trustDomain, 'collector')),
    typedExtensionProtocolOptions: http2Upstream,
    loadAssignment: singleEndpoint(OwnCluster.collectorGrpc, tcpAddress(address, port)),
  });
}

/** The collector's receiver of HTTP, reached with the sidecar's identity. */
export function collectorHttpCluster({ address, port }: TcpEndpoint, trustDomain: string): Cluster {
  return create(ClusterSchema, {
    ...collector,
    name: OwnCluster.collectorHttp,
    transportSocket: tlsToPeer(platformSpiffeId(trustDomain, 'collector'), 'http/1.1'),
    typedExtensionProtocolOptions: http1Upstream(COLLECTOR_IDLE_MS),
    loadAssignment: singleEndpoint(OwnCluster.collectorHttp, tcpAddress(address, port)),
  });
}

/** The load assignment of a cluster with one host. */
export function singleEndpoint(clusterName: string, address: ReturnType<typeof tcpAddress>) {
  return {
    clusterName,
    endpoints: [
      { lbEndpoints: [{ hostIdentifier: { case: 'endpoint' as const, value: { address } } }] },
    ],
  };
}
