import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { Cluster_DiscoveryType, ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.js';
import type { ConfigSource } from './gen/envoy/config/core/v3/config_source_pb.js';
import type { Filter } from './gen/envoy/config/listener/v3/listener_components_pb.js';
import { ListenerSchema } from './gen/envoy/config/listener/v3/listener_pb.js';
import { ScopedRouteConfigurationSchema } from './gen/envoy/config/route/v3/scoped_route_pb.js';
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
  type ScopedRoutes,
} from './gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { TypedResource } from './resource.js';
import { TypeUrl } from './type-url.js';

/** A resource that makes its client ask this server for another one. */
export interface Reference {
  readonly typeUrl: TypeUrl;
  readonly name: string;
}

const known = new WeakMap<TypedResource, readonly Reference[]>();

/**
 * What a cluster, listener or scope makes Envoy ask for over ADS: endpoints, routes, extension
 * configs, and the virtual hosts of a route configuration, which have its name before a slash.
 * Reads each resource once. References to other config sources are another server's affair.
 */
export function referencesOf(resource: TypedResource): readonly Reference[] {
  const before = known.get(resource);
  if (before !== undefined) {
    return before;
  }
  const references = readable(resource);
  known.set(resource, references);
  return references;
}

/** Bytes that are no message of their type refer to nothing; the client rejects them and says why. */
function readable(resource: TypedResource): Reference[] {
  try {
    return read(resource);
  } catch {
    return [];
  }
}

function read(resource: TypedResource): Reference[] {
  switch (resource.typeUrl) {
    case TypeUrl.Cluster:
      return ofCluster(resource.value);
    case TypeUrl.Listener:
      return ofListener(resource.value);
    case TypeUrl.ScopedRoute:
      return ofScope(resource.value);
    case TypeUrl.Route:
      return ofRoute(resource);
    default:
      return [];
  }
}

function ofCluster(value: Uint8Array): Reference[] {
  const cluster = fromBinary(ClusterSchema, value);
  const { clusterDiscoveryType, edsClusterConfig } = cluster;
  const isEds =
    clusterDiscoveryType.case === 'type' &&
    clusterDiscoveryType.value === Cluster_DiscoveryType.EDS;
  if (!isEds || !isAds(edsClusterConfig?.edsConfig)) {
    return [];
  }
  return [{ typeUrl: TypeUrl.Endpoint, name: edsClusterConfig?.serviceName || cluster.name }];
}

/** Field `vhds` of RouteConfiguration. */
const vhdsField = 9;

/**
 * The virtual hosts that a route configuration asks for one by one. Only the outermost fields are
 * looked at: these are the largest resources, and few have this one.
 */
function ofRoute({ name, value }: TypedResource): Reference[] {
  const reader = new BinaryReader(value);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === vhdsField) {
      return [{ typeUrl: TypeUrl.VirtualHost, name: `${name}/` }];
    }
    reader.skip(wireType, field);
  }
  return [];
}

function ofScope(value: Uint8Array): Reference[] {
  const { routeConfigurationName: name } = fromBinary(ScopedRouteConfigurationSchema, value);
  return name === '' ? [] : [{ typeUrl: TypeUrl.Route, name }];
}

function ofListener(value: Uint8Array): Reference[] {
  const listener = fromBinary(ListenerSchema, value);
  const chains = listener.defaultFilterChain
    ? [...listener.filterChains, listener.defaultFilterChain]
    : listener.filterChains;
  const managers = chains.flatMap(({ filters }) => filters.flatMap(managerOf));
  const api = unpacked(HttpConnectionManagerSchema, listener.apiListener?.apiListener);
  return [...managers, ...(api ? [api] : [])].flatMap(ofManager);
}

function managerOf(filter: Filter): HttpConnectionManager[] {
  const { configType } = filter;
  const manager =
    configType.case === 'typedConfig'
      ? unpacked(HttpConnectionManagerSchema, configType.value)
      : undefined;
  return manager ? [manager] : [];
}

function ofManager({ routeSpecifier, httpFilters }: HttpConnectionManager): Reference[] {
  const references: Reference[] = [];
  if (routeSpecifier.case === 'rds' && isAds(routeSpecifier.value.configSource)) {
    references.push({ typeUrl: TypeUrl.Route, name: routeSpecifier.value.routeConfigName });
  }
  if (routeSpecifier.case === 'scopedRoutes' && isAds(routeSpecifier.value.rdsConfigSource)) {
    references.push(...ofOwnScopes(routeSpecifier.value));
  }
  for (const { name, configType } of httpFilters) {
    if (configType.case === 'configDiscovery' && isAds(configType.value.configSource)) {
      references.push({ typeUrl: TypeUrl.ExtensionConfig, name });
    }
  }
  return references;
}

/** Scopes that the listener lists itself; others are resources. */
function ofOwnScopes({ configSpecifier }: ScopedRoutes): Reference[] {
  const scopes =
    configSpecifier.case === 'scopedRouteConfigurationsList'
      ? configSpecifier.value.scopedRouteConfigurations
      : [];
  return scopes.flatMap(({ routeConfigurationName: name }) =>
    name === '' ? [] : [{ typeUrl: TypeUrl.Route, name }],
  );
}

function isAds(source: ConfigSource | undefined): boolean {
  return (
    source?.configSourceSpecifier.case === 'ads' || source?.configSourceSpecifier.case === 'self'
  );
}

function unpacked<Desc extends DescMessage>(
  schema: Desc,
  any: { readonly typeUrl: string; readonly value: Uint8Array } | undefined,
): MessageShape<Desc> | undefined {
  return any?.typeUrl === `type.googleapis.com/${schema.typeName}`
    ? fromBinary(schema, any.value)
    : undefined;
}
