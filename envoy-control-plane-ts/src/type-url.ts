/**
 * The resource types whose order and references the server knows, by the URL that requests and
 * responses carry. It serves any other type as well, after these.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#resource-types
 */
export const TypeUrl = {
  Cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  Endpoint: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  Secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
  ExtensionConfig: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
  Listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  ScopedRoute: 'type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration',
  Route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  VirtualHost: 'type.googleapis.com/envoy.config.route.v3.VirtualHost',
  Runtime: 'type.googleapis.com/envoy.service.runtime.v3.Runtime',
} as const;

type KnownTypeUrl = (typeof TypeUrl)[keyof typeof TypeUrl];

/** "This string must contain at least one "/" character" (google.protobuf.Any). */
export type TypeUrl = KnownTypeUrl | `${string}/${string}`;

const known: ReadonlySet<string> = new Set(Object.values(TypeUrl));

/** Whether a URL is one of `TypeUrl`. */
export function isKnownType(url: string): url is KnownTypeUrl {
  return known.has(url);
}

/** Whether a URL from the wire can be that of a type. */
export function isTypeUrl(url: string): url is TypeUrl {
  return url.includes('/');
}

/**
 * Types whose root set the server chooses: a client that names nothing gets everything, and a
 * state-of-the-world response lists everything, since absence is how it says "removed".
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#grouping-resources-into-responses
 */
export function isRootType(typeUrl: TypeUrl): boolean {
  return (
    typeUrl === TypeUrl.Cluster ||
    typeUrl === TypeUrl.Listener ||
    // Envoy names no scopes, and takes those away that a state-of-the-world response leaves out.
    typeUrl === TypeUrl.ScopedRoute
  );
}
