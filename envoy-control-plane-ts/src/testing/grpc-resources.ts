import { create } from '@bufbuild/protobuf';
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js';
import { RouterSchema } from '../gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { HttpConnectionManagerSchema } from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { anyOf, resource } from '../resource.js';
import type { Snapshot } from '../snapshot-cache.js';
import { TypeUrl } from '../type-url.js';
import { ads } from './hello-resources.js';

/** What the gRPC client of one service is served: see `grpcService`. */
export interface GrpcService {
  readonly name: string;
  /** Port of the only backend. */
  readonly port: number;
  /** Without: the route configuration has a virtual host that routes nothing. */
  readonly routed?: boolean;
  /** Makes the listener another one. */
  readonly statPrefix?: string;
}

/**
 * The chain that a gRPC client resolves `xds:///<name>` by: a listener for its API, routes, a
 * cluster, endpoints.
 * https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md
 */
export function grpcService({ name, port, routed = true, statPrefix = '' }: GrpcService): Snapshot {
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix,
    routeSpecifier: {
      case: 'rds',
      value: { routeConfigName: `${name}-routes`, configSource: ads },
    },
    httpFilters: [
      {
        name: 'router',
        configType: { case: 'typedConfig', value: anyOf(RouterSchema, create(RouterSchema)) },
      },
    ],
  });
  const listener = create(ListenerSchema, {
    name,
    apiListener: { apiListener: anyOf(HttpConnectionManagerSchema, manager) },
  });
  const routes = create(RouteConfigurationSchema, {
    name: `${name}-routes`,
    virtualHosts: [
      {
        name: 'all',
        domains: ['*'],
        routes: routed
          ? [
              {
                match: { pathSpecifier: { case: 'prefix', value: '' } },
                action: {
                  case: 'route',
                  value: { clusterSpecifier: { case: 'cluster', value: `${name}-cluster` } },
                },
              },
            ]
          : [],
      },
    ],
  });
  const cluster = create(ClusterSchema, {
    name: `${name}-cluster`,
    clusterDiscoveryType: { case: 'type', value: 3 },
    edsClusterConfig: { edsConfig: ads },
  });
  const endpoints = create(ClusterLoadAssignmentSchema, {
    clusterName: `${name}-cluster`,
    endpoints: [
      {
        // gRPC ignores localities without a weight.
        loadBalancingWeight: 1,
        locality: { region: 'r', zone: 'z', subZone: 's' },
        lbEndpoints: [
          {
            hostIdentifier: {
              case: 'endpoint',
              value: {
                address: {
                  address: {
                    case: 'socketAddress',
                    value: {
                      address: '127.0.0.1',
                      portSpecifier: { case: 'portValue', value: port },
                    },
                  },
                },
              },
            },
          },
        ],
      },
    ],
  });
  return {
    [TypeUrl.Listener]: [resource(ListenerSchema, name, listener)],
    [TypeUrl.Route]: [resource(RouteConfigurationSchema, routes.name, routes)],
    [TypeUrl.Cluster]: [resource(ClusterSchema, cluster.name, cluster)],
    [TypeUrl.Endpoint]: [resource(ClusterLoadAssignmentSchema, cluster.name, endpoints)],
  };
}
