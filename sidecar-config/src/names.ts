import type { Edge } from '@dotline/model/edge';

/**
 * Names that sidecars and the control plane share. They carry no content, so that a change of
 * policy changes what a name holds and never the name. A service's name is a DNS label, hence the
 * colon keeps the sidecar's own clusters apart from those of callees.
 */

/** Listeners, and the route configurations that two of them take by the same name. */
export const ListenerName = {
  outbound: 'outbound',
  inbound: 'inbound',
  telemetry: 'telemetry',
} as const;

/** ECDS name of the RBAC filter: who may call this service. */
export const INBOUND_AUTHORIZATION = 'inbound-authorization';

/** ECDS name of the filter that verifies tokens: whose a service believes. */
export const JWT_AUTHENTICATION = 'jwt-authentication';

/** Name of an edge's RBAC policy: which rule let a request in, and since which revision it stands so. */
export function policyName(edge: Pick<Edge, 'id'>, revision: string): string {
  return `${edge.id}@${revision}`;
}

/** The same while a revision is staged: the third part says which one judges beside it. */
export function judgedPolicyName(
  edge: Pick<Edge, 'id'>,
  revision: string,
  stagedRevision: string,
): string {
  return `${policyName(edge, revision)}@${stagedRevision}`;
}

/** Clusters that are no callee. */
export const OwnCluster = {
  app: 'dotline:app',
  authorizer: 'dotline:authorizer',
  collectorGrpc: 'dotline:collector-grpc',
  collectorHttp: 'dotline:collector-http',
  controlPlane: 'dotline:control-plane',
  /** Instances of the sidecar's own service: the measure of zone-aware balancing. */
  self: 'dotline:self',
} as const;

/** Route name of everything that no edge allows, on both sides. */
export const DENIED_ROUTE = 'denied';

/** Filter name under which routes carry what the access log repeats. */
export const ROUTE_METADATA = 'dotline';

/** Where a sidecar takes its app's OTLP over HTTP. */
export const TELEMETRY_PORT = 4318;
