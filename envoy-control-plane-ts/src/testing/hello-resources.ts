import { create } from '@bufbuild/protobuf';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.js';
import { RetryPolicySchema } from '../gen/envoy/config/core/v3/base_pb.js';
import {
  ApiConfigSource_ApiType,
  ApiVersion,
  type ConfigSource,
  ConfigSourceSchema,
} from '../gen/envoy/config/core/v3/config_source_pb.js';
import { TypedExtensionConfigSchema } from '../gen/envoy/config/core/v3/extension_pb.js';
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.js';
import { RBAC_Action, RBACSchema as RulesSchema } from '../gen/envoy/config/rbac/v3/rbac_pb.js';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js';
import { RBACSchema } from '../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RouterSchema } from '../gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { HttpConnectionManagerSchema } from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { anyOf, resource, type TypedResource } from '../resource.js';

/** Resources of a small but complete data plane, for tests against a real Envoy. */

export const ads = create(ConfigSourceSchema, {
  resourceApiVersion: ApiVersion.V3,
  configSourceSpecifier: { case: 'ads', value: {} },
});

/** A stream of its own from the server that is Envoy's static cluster `xds`. */
export function ownStream(apiType: 'DELTA_GRPC' | 'GRPC'): ConfigSource {
  return create(ConfigSourceSchema, {
    resourceApiVersion: ApiVersion.V3,
    configSourceSpecifier: {
      case: 'apiConfigSource',
      value: {
        apiType: ApiConfigSource_ApiType[apiType],
        transportApiVersion: ApiVersion.V3,
        grpcServices: [
          { targetSpecifier: { case: 'envoyGrpc', value: { clusterName: 'xds', retryPolicy } } },
        ],
      },
    },
  });
}

const retryPolicy = create(RetryPolicySchema, {
  retryBackOff: { baseInterval: { nanos: 100_000_000 }, maxInterval: { nanos: 500_000_000 } },
});

/** @param at a port of 127.0.0.1, or the path of a Unix socket */
function socket(at: number | string) {
  if (typeof at === 'string') {
    return { address: { case: 'pipe' as const, value: { path: at } } };
  }
  return {
    address: {
      case: 'socketAddress' as const,
      value: {
        address: '127.0.0.1',
        portSpecifier: { case: 'portValue' as const, value: at },
      },
    },
  };
}

export function cluster(name: string, connectTimeoutMs = 1_000, source = ads): TypedResource {
  return resource(
    ClusterSchema,
    name,
    create(ClusterSchema, {
      name,
      clusterDiscoveryType: { case: 'type', value: 3 },
      edsClusterConfig: { edsConfig: source },
      connectTimeout: create(DurationSchema, {
        seconds: BigInt(Math.floor(connectTimeoutMs / 1_000)),
        nanos: (connectTimeoutMs % 1_000) * 1_000_000,
      }),
    }),
  );
}

/** @param port none: no endpoints */
export function endpoints(clusterName: string, port?: number): TypedResource {
  return resource(
    ClusterLoadAssignmentSchema,
    clusterName,
    create(ClusterLoadAssignmentSchema, {
      clusterName,
      endpoints:
        port === undefined
          ? []
          : [
              {
                lbEndpoints: [
                  { hostIdentifier: { case: 'endpoint', value: { address: socket(port) } } },
                ],
              },
            ],
    }),
  );
}

/** A listener that takes its routes by RDS and its RBAC filter by ECDS. */
export function listener(
  name: string,
  at: number | string,
  {
    routes,
    rbac,
    source = ads,
  }: { readonly routes: string; readonly rbac?: string; readonly source?: ConfigSource },
): TypedResource {
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix: name,
    routeSpecifier: { case: 'rds', value: { routeConfigName: routes, configSource: source } },
    httpFilters: [
      ...(rbac === undefined
        ? []
        : [
            {
              name: rbac,
              configType: {
                case: 'configDiscovery' as const,
                value: {
                  configSource: source,
                  typeUrls: [`type.googleapis.com/${RBACSchema.typeName}`],
                },
              },
            },
          ]),
      {
        name: 'router',
        configType: {
          case: 'typedConfig' as const,
          value: anyOf(RouterSchema, create(RouterSchema)),
        },
      },
    ],
  });
  return resource(
    ListenerSchema,
    name,
    create(ListenerSchema, {
      name,
      address: socket(at),
      filterChains: [
        {
          filters: [
            {
              name: 'http',
              configType: {
                case: 'typedConfig',
                value: anyOf(HttpConnectionManagerSchema, manager),
              },
            },
          ],
        },
      ],
    }),
  );
}

/** Everything to one cluster; `x-route` tells which version of the route answered. */
export function routes(name: string, clusterName: string, mark = name): TypedResource {
  return resource(
    RouteConfigurationSchema,
    name,
    create(RouteConfigurationSchema, {
      name,
      responseHeadersToAdd: [{ header: { key: 'x-route', value: mark } }],
      virtualHosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            {
              match: { pathSpecifier: { case: 'prefix', value: '/' } },
              action: {
                case: 'route',
                value: { clusterSpecifier: { case: 'cluster', value: clusterName } },
              },
            },
          ],
        },
      ],
    }),
  );
}

/** Envoy refuses a route configuration in which two virtual hosts have the same domain. */
export function badRoutes(name: string): TypedResource {
  return resource(
    RouteConfigurationSchema,
    name,
    create(RouteConfigurationSchema, {
      name,
      virtualHosts: [
        { name: 'one', domains: ['same.example'] },
        { name: 'two', domains: ['same.example'] },
      ],
    }),
  );
}

/** Envoy refuses an EDS cluster without a source of endpoints. */
export function badCluster(name: string): TypedResource {
  return resource(
    ClusterSchema,
    name,
    create(ClusterSchema, { name, clusterDiscoveryType: { case: 'type', value: 3 } }),
  );
}

/** Lets everybody in, or nobody. */
export function rbac(name: string, allow: boolean): TypedResource {
  const anybody = {
    permissions: [{ rule: { case: 'any' as const, value: true } }],
    principals: [{ identifier: { case: 'any' as const, value: true } }],
  };
  const filter = create(RBACSchema, {
    rules: create(RulesSchema, {
      action: RBAC_Action.ALLOW,
      policies: allow ? { anybody } : {},
    }),
  });
  return resource(
    TypedExtensionConfigSchema,
    name,
    create(TypedExtensionConfigSchema, { name, typedConfig: anyOf(RBACSchema, filter) }),
  );
}
