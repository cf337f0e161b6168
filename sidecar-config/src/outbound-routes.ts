import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import type { Edge } from '@dotline/model/edge';
import type { Operation } from '@dotline/model/mesh';
import type {
  RetryPolicySchema,
  RouteSchema,
  VirtualHostSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/route/v3/route_components_pb';
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/route/v3/route_pb';
import { PreviousHostsPredicateSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb';
import { deniedByNoEdge, deniedRoute, missingRule, requestFacts } from './denial.js';
import { milliseconds } from './duration.js';
import { literal } from './format.js';
import type { MeshIndex } from './mesh-index.js';
import { ListenerName, ROUTE_METADATA } from './names.js';
import { operationRouteMatch } from './operation-match.js';
import { REMOVED_HEADERS } from './removed-headers.js';
import { typedConfig } from './typed-config.js';

type VirtualHost = MessageInitShape<typeof VirtualHostSchema>;
type Route = MessageInitShape<typeof RouteSchema>;

const AUTHORITY = '%REQ(:AUTHORITY)%';
const REQUEST_TIMEOUT_MS = 15_000;

/**
 * What a service may call: a virtual host for each callee that an edge allows, and for everything
 * else one that says why not. Nothing is answered 404.
 */
export function outboundRoutes(index: MeshIndex, caller: string): RouteConfiguration {
  const edges = index.outboundEdges(caller);
  const allowed = new Set(edges.map((edge) => edge.callee));
  return create(RouteConfigurationSchema, {
    name: ListenerName.outbound,
    requestHeadersToRemove: REMOVED_HEADERS,
    virtualHosts: [
      ...edges.map((edge) => allowedHost(index, edge)),
      ...deniedTeamHosts(index, caller, allowed),
      unknownHost(index, caller),
    ],
  });
}

function allowedHost(index: MeshIndex, edge: Edge): VirtualHost {
  const agreed = index.operationsOf(edge);
  const body: JsonObject = {
    error: 'denied by policy',
    reason: `edge ${edge.id} does not allow this method and path`,
    ...requestFacts(edge.caller, edge.callee),
    allowed: agreed.map(({ id, method, path }) => literal(`${id}: ${method} ${path}`)),
    ...wayOut(index, edge.caller, edge.callee, index.teamOf(edge.callee)),
  };
  const metadata = { callee: edge.callee };
  return {
    name: edge.callee,
    domains: [edge.callee],
    routes: [
      ...agreed.flatMap((operation) => [
        ...index
          .withheldFrom(edge, operation)
          .map((withheld) => deniedRoute(body, metadata, operationRouteMatch(withheld))),
        operationRoute(index, edge, operation),
      ]),
      deniedRoute(body, metadata),
    ],
  };
}

function operationRoute(index: MeshIndex, edge: Edge, operation: Operation): Route {
  return {
    name: operation.id,
    match: operationRouteMatch(operation),
    metadata: {
      filterMetadata: {
        [ROUTE_METADATA]: {
          callee: edge.callee,
          edge: edge.id,
          revision: index.edgeRevision(edge),
        },
      },
    },
    action: {
      case: 'route',
      value: {
        clusterSpecifier: { case: 'cluster', value: edge.callee },
        timeout: milliseconds(REQUEST_TIMEOUT_MS),
        retryPolicy: retryPolicy(operation),
      },
    },
  };
}

/**
 * Known services to which the caller has no edge, one virtual host for each owner. There are as many
 * as teams in every sidecar, so a route holds only who must be asked; the listener makes the body.
 */
function deniedTeamHosts(
  index: MeshIndex,
  caller: string,
  allowed: ReadonlySet<string>,
): VirtualHost[] {
  const callerTeam = index.teamOf(caller);
  return index.revision.mesh.teams.flatMap((team) => {
    const domains = index.servicesOf(team.name).filter((service) => !allowed.has(service));
    if (domains.length === 0) return [];
    const route = deniedByNoEdge(callerTeam, team);
    return [{ name: deniedHostName(team.name), domains, routes: [route] }];
  });
}

/** `denied:unknown` is taken; a team may be called so. */
function deniedHostName(team: string): string {
  return team === 'unknown' ? 'denied:team:unknown' : `denied:${team}`;
}

function unknownHost(index: MeshIndex, caller: string): VirtualHost {
  const body: JsonObject = {
    error: 'denied by policy',
    reason: 'the mesh has no service of this name',
    ...requestFacts(caller, AUTHORITY),
    ask: [literal(index.teamOf(caller).contact), literal(index.revision.mesh.contact)],
  };
  return { name: 'denied:unknown', domains: ['*'], routes: [deniedRoute(body)] };
}

/** Which rules are missing, whom to ask, and the command that says more. */
function wayOut(
  index: MeshIndex,
  caller: string,
  callee: string,
  calleeTeam: ReturnType<MeshIndex['teamOf']>,
): JsonObject {
  const callerTeam = index.teamOf(caller);
  return {
    missing: {
      need: missingRule(caller, callerTeam.name, literal(callerTeam.contact)),
      grant: missingRule(callee, calleeTeam.name, literal(calleeTeam.contact)),
    },
    ask: [...new Set([literal(callerTeam.contact), literal(calleeTeam.contact)])],
    explain: `dotline explain ${caller} ${callee}`,
  };
}

/** Before the request was sent, any method may be tried again; after, only reading. */
function retryPolicy(operation: Operation): MessageInitShape<typeof RetryPolicySchema> {
  const unsent = 'connect-failure,refused-stream,reset-before-request';
  const isRead = operation.method === 'GET' || operation.method === 'HEAD';
  return {
    retryOn: isRead ? `${unsent},reset` : unsent,
    numRetries: 2,
    retryHostPredicate: [
      {
        name: 'envoy.retry_host_predicates.previous_hosts',
        configType: typedConfig(PreviousHostsPredicateSchema, {}),
      },
    ],
    hostSelectionRetryMaxAttempts: 3n,
    retryBackOff: { baseInterval: milliseconds(25), maxInterval: milliseconds(250) },
  };
}
