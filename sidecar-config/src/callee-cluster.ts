import { create } from '@bufbuild/protobuf';
import { serviceSpiffeId } from '@dotline/model/spiffe-id';
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_LbPolicy,
  ClusterSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/cluster/v3/cluster_pb';
import { adsSource } from './ads-source.js';
import { milliseconds } from './duration.js';
import { http2Upstream } from './http-upstream.js';
import { tlsToPeer } from './mutual-tls.js';

/**
 * A callee as its callers see it. It holds nothing of the caller, so every sidecar of the mesh that
 * has an edge to the callee is given the same bytes.
 *
 * Endpoints are shared in the same way. A caller's nearness comes from Envoy's zone-aware balancing:
 * each sidecar states its own region, zone and cell, and keeps traffic in its cell as far as the load
 * of all callers stays even, and goes to the other cells for the rest and when the cell's instances
 * are gone. Priorities (same cell, then zone, then region) would order the rest as well, but are
 * relative to the caller: endpoints would have to be made and sent once for each cell.
 */
export function calleeCluster(callee: string, trustDomain: string): Cluster {
  return create(ClusterSchema, {
    name: callee,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: adsSource },
    connectTimeout: milliseconds(1000),
    lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
    commonLbConfig: {
      localityConfigSpecifier: {
        case: 'zoneAwareLbConfig',
        value: { routingEnabled: { value: 100 }, minClusterSize: 1n },
      },
    },
    typedExtensionProtocolOptions: http2Upstream,
    transportSocket: tlsToPeer(serviceSpiffeId(trustDomain, callee)),
    // An instance that left gets no new request; what it is answering it may finish.
    ignoreHealthOnHostRemoval: true,
    circuitBreakers: {
      thresholds: [
        {
          maxConnections: 1024,
          maxPendingRequests: 1024,
          maxRequests: 4096,
          retryBudget: { budgetPercent: { value: 20 }, minRetryConcurrency: 3 },
        },
      ],
    },
    outlierDetection: {
      // An app's own 500 says nothing about its host: only failures to reach it and the
      // gateway errors (502, 503, 504) of its sidecar take an instance out.
      splitExternalLocalOriginErrors: true,
      consecutiveLocalOriginFailure: 3,
      enforcingConsecutiveLocalOriginFailure: 100,
      consecutiveGatewayFailure: 5,
      enforcingConsecutiveGatewayFailure: 100,
      enforcingConsecutive5xx: 0,
      enforcingSuccessRate: 0,
      enforcingLocalOriginSuccessRate: 0,
      enforcingFailurePercentage: 0,
      enforcingFailurePercentageLocalOrigin: 0,
      interval: milliseconds(1000),
      baseEjectionTime: milliseconds(5000),
      maxEjectionTime: milliseconds(60_000),
      maxEjectionPercent: 50,
    },
  });
}
