import { TypeUrl } from './type-url.js';

/** A gRPC method of the discovery services. */
export interface DiscoveryMethod {
  readonly path: string;
  readonly variant: 'sotw' | 'delta';
  /** The only type of the stream; undefined for an aggregated one. */
  readonly only: TypeUrl | undefined;
}

/** A gRPC service and its methods by name. */
export interface DiscoveryService {
  readonly name: string;
  readonly methods: Readonly<Record<string, DiscoveryMethod>>;
}

/** https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#rpc-services-and-methods-for-each-variant */
export const discoveryServices: readonly DiscoveryService[] = [
  service('discovery.v3.AggregatedDiscoveryService', 'AggregatedResources', undefined),
  service('cluster.v3.ClusterDiscoveryService', 'Clusters', TypeUrl.Cluster),
  service('endpoint.v3.EndpointDiscoveryService', 'Endpoints', TypeUrl.Endpoint),
  service('listener.v3.ListenerDiscoveryService', 'Listeners', TypeUrl.Listener),
  service('route.v3.RouteDiscoveryService', 'Routes', TypeUrl.Route),
  service('route.v3.ScopedRoutesDiscoveryService', 'ScopedRoutes', TypeUrl.ScopedRoute),
  incrementalService('route.v3.VirtualHostDiscoveryService', 'VirtualHosts', TypeUrl.VirtualHost),
  service('secret.v3.SecretDiscoveryService', 'Secrets', TypeUrl.Secret),
  service(
    'extension.v3.ExtensionConfigDiscoveryService',
    'ExtensionConfigs',
    TypeUrl.ExtensionConfig,
  ),
  service('runtime.v3.RuntimeDiscoveryService', 'Runtime', TypeUrl.Runtime),
];

/** Virtual hosts are asked for one by one, which only the incremental variant can. */
function incrementalService(
  shortName: string,
  resources: string,
  only: TypeUrl | undefined,
): DiscoveryService {
  const { name, methods } = service(shortName, resources, only);
  const variants = Object.entries(methods).filter(([, { variant }]) => variant === 'delta');
  return { name, methods: Object.fromEntries(variants) };
}

function service(
  shortName: string,
  resources: string,
  only: TypeUrl | undefined,
): DiscoveryService {
  const name = `envoy.service.${shortName}`;
  return {
    name,
    methods: {
      [`Stream${resources}`]: { path: `/${name}/Stream${resources}`, variant: 'sotw', only },
      [`Delta${resources}`]: { path: `/${name}/Delta${resources}`, variant: 'delta', only },
    },
  };
}
