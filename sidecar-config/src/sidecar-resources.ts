import type { EgressHost } from '@dotline/model/egress';
import type { Instance } from '@dotline/model/instance';
import type { Revision } from '@dotline/model/revision';
import {
  type ResourceSet,
  rawResource,
  resource,
  resourceSet,
  TypeUrl,
} from 'envoy-control-plane-ts';
import {
  type Cluster,
  ClusterSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/cluster/v3/cluster_pb';
import { TypedExtensionConfigSchema } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/extension_pb';
import { RouteConfigurationSchema } from 'envoy-control-plane-ts/gen/envoy/config/route/v3/route_pb';
import { calleeCluster } from './callee-cluster.js';
import { egressCluster, egressClusterName } from './egress-cluster.js';
import { EncodedPieces } from './encoded-pieces.js';
import { inboundAuthorization } from './inbound-authorization.js';
import { inboundRoutes } from './inbound-routes.js';
import { InstanceEndpoints } from './instance-endpoints.js';
import { InstanceListeners } from './instance-listeners.js';
import { jwtAuthentication } from './jwt-authentication.js';
import { MeshIndex } from './mesh-index.js';
import { INBOUND_AUTHORIZATION, JWT_AUTHENTICATION, ListenerName, OwnCluster } from './names.js';
import { outboundRoutes } from './outbound-routes.js';
import {
  appCluster,
  authorizerCluster,
  collectorGrpcCluster,
  collectorHttpCluster,
  type TcpEndpoint,
} from './own-clusters.js';
import { Shadow } from './shadow.js';

/** The types that every sidecar holds. */
type SidecarType =
  | typeof TypeUrl.Cluster
  | typeof TypeUrl.Endpoint
  | typeof TypeUrl.Listener
  | typeof TypeUrl.Route
  | typeof TypeUrl.ExtensionConfig;

/** Everything that one sidecar holds. What sidecars of one service share is one object. */
export type SidecarSnapshot = Readonly<Record<SidecarType, ResourceSet>>;

/** What all sidecars of one service hold. */
export type ServiceSnapshot = Omit<SidecarSnapshot, typeof TypeUrl.Listener>;

/** What is kept from one revision and one list of instances to the next. */
export class KeptParts {
  readonly listeners = new InstanceListeners();
  readonly pieces = new EncodedPieces();
  readonly endpoints = new InstanceEndpoints(this.pieces);
}

/** What all sidecars of a mesh are made from. */
export interface MeshInput {
  readonly revision: Revision;
  /** All instances of the mesh, whatever their state. */
  readonly instances: readonly Instance[];
  /** The collector's receivers, as IP addresses. */
  readonly telemetry: { readonly grpc: TcpEndpoint; readonly http: TcpEndpoint };
  /** Share of requests that are traced, 0–100; 100 unless given. */
  readonly tracedPercent?: number;
  /** A revision that is judged beside the live one; nothing of it is enforced. */
  readonly staged?: Revision | undefined;
  /** What was encoded before; without it everything is encoded anew. */
  readonly kept?: KeptParts;
}

/**
 * Everything that one sidecar holds, by type, in a fixed order.
 * For many sidecars use `meshResources`, which encodes what they share only once.
 * @throws NotInCatalogError when the instance's service or an edge's operation is not in the catalog
 */
export function sidecarResources(
  input: MeshInput & { readonly instance: Instance },
): SidecarSnapshot {
  return meshResources(input)(input.instance);
}

/**
 * The same for any number of sidecars of one mesh: clusters, endpoints, routes and authorization
 * are encoded once and shared by all sidecars that hold them.
 */
export function meshResources(input: MeshInput): (instance: Instance) => SidecarSnapshot {
  const kept = input.kept ?? new KeptParts();
  const serviceOf = serviceResources({ ...input, kept });
  const { trustDomain } = input.revision.mesh;
  return (instance) => ({
    ...serviceOf(instance.service),
    [TypeUrl.Listener]: sidecarListeners(kept, instance, trustDomain, input.tracedPercent),
  });
}

/** What a sidecar holds for itself: neither policies nor other instances change it. */
export function sidecarListeners(
  { listeners }: KeptParts,
  instance: Instance,
  trustDomain: string,
  tracedPercent = 100,
): ResourceSet {
  return listeners.of(instance, trustDomain, tracedPercent);
}

/** What it shares with the other sidecars of its service: one object for each service. */
export function serviceResources(input: MeshInput): (service: string) => ServiceSnapshot {
  const index = new MeshIndex(input.revision);
  const { trustDomain } = input.revision.mesh;
  const { kept = new KeptParts(), telemetry } = input;
  const { pieces } = kept;
  const shadow = input.staged && Shadow.of(index, input.staged);
  // Only what a staged revision decides otherwise depends on it.
  const beside = (judges: boolean | undefined) => (judges ? [input.staged?.id] : []);
  const judgedRequestsOf = (service: string) =>
    shadow?.judgesRequestsOf(service)
      ? [input.staged?.id, index.verifiableIssuers(service).map(({ issuer }) => issuer)]
      : [];

  const { grpc, http } = telemetry;
  const ownCluster = (name: string, make: () => Cluster) =>
    pieces.resource(['own cluster', name, telemetry, trustDomain], () =>
      resource(ClusterSchema, name, make()),
    );
  const own = [
    ownCluster(OwnCluster.app, appCluster),
    ownCluster(OwnCluster.authorizer, () => authorizerCluster(trustDomain)),
    ownCluster(OwnCluster.collectorGrpc, () => collectorGrpcCluster(grpc, trustDomain)),
    ownCluster(OwnCluster.collectorHttp, () => collectorHttpCluster(http, trustDomain)),
  ];
  const calleesOf = (service: string) => index.outboundEdges(service).map(({ callee }) => callee);
  const ofCallee = perService((callee) =>
    pieces.resource(['cluster', callee, trustDomain], () =>
      resource(ClusterSchema, callee, calleeCluster(callee, trustDomain)),
    ),
  );
  const endpointsOf = kept.endpoints.of(input.instances);
  const routesOf = (service: string) =>
    resourceSet([
      pieces.resource(
        [
          'outbound',
          service,
          index.catalogKey,
          index.outboundEdges(service).map((e) => index.formOf(e)),
          ...beside(shadow && shadow.calleesJudgedFor(service).length > 0),
        ],
        () =>
          rawResource({
            typeUrl: TypeUrl.Route,
            name: ListenerName.outbound,
            value: outboundRoutes(index, service, pieces, shadow),
          }),
      ),
      pieces.resource(
        [
          'inbound',
          service,
          index.catalogKey,
          index.requestFormOf(service),
          ...judgedRequestsOf(service),
        ],
        () =>
          resource(
            RouteConfigurationSchema,
            ListenerName.inbound,
            inboundRoutes(index, service, shadow),
          ),
      ),
    ]);
  const authorizationOf = (service: string) =>
    resourceSet([
      pieces.resource(
        [
          'authorization',
          service,
          index.catalogKey,
          index.inboundEdges(service).map((e) => index.formOf(e)),
          ...beside(shadow?.judgesCallersOf(service)),
        ],
        () =>
          resource(
            TypedExtensionConfigSchema,
            INBOUND_AUTHORIZATION,
            inboundAuthorization(index, service, pieces, shadow),
          ),
      ),
      // Of services that believe nobody it is the same for all.
      pieces.resource(
        index.believedIssuers(service).length === 0 && !shadow?.judgesRequestsOf(service)
          ? ['jwt authentication']
          : [
              'jwt authentication',
              service,
              index.catalogKey,
              index.requestFormOf(service),
              ...judgedRequestsOf(service),
            ],
        () =>
          resource(
            TypedExtensionConfigSchema,
            JWT_AUTHENTICATION,
            jwtAuthentication(index, service, shadow),
          ),
      ),
    ]);

  const ofHost = (host: EgressHost) =>
    pieces.resource(['egress', host], () =>
      resource(ClusterSchema, egressClusterName(host.host), egressCluster(host)),
    );
  const clustersOf = (service: string) =>
    resourceSet([
      ...own,
      ...(index.egressOf(service)?.hosts ?? []).map(ofHost),
      ...calleesOf(service).map(ofCallee),
    ]);
  // Its own service's instances are the measure of zone-aware balancing.
  const allEndpointsOf = (service: string) =>
    resourceSet([...new Set([service, ...calleesOf(service)])].map(endpointsOf));

  return perService((service) => ({
    [TypeUrl.Cluster]: clustersOf(service),
    [TypeUrl.Endpoint]: allEndpointsOf(service),
    [TypeUrl.Route]: routesOf(service),
    [TypeUrl.ExtensionConfig]: authorizationOf(service),
  }));
}

/** Makes each service's value once; bounded by the catalog. */
function perService<T extends object>(make: (service: string) => T): (service: string) => T {
  const made = new Map<string, T>();
  return (service) => {
    const before = made.get(service);
    if (before !== undefined) return before;
    const value = make(service);
    made.set(service, value);
    return value;
  };
}
