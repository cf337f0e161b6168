import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import type { Edge } from '@dotline/model/edge';
import type { Operation } from '@dotline/model/mesh';
import { canonicalBinary } from 'envoy-control-plane-ts';
import type {
  RetryPolicySchema,
  RouteSchema,
  VirtualHostSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/route/v3/route_components_pb';
import { RouteConfigurationSchema } from 'envoy-control-plane-ts/gen/envoy/config/route/v3/route_pb';
import { PreviousHostsPredicateSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb';
import { deniedByNoEdge, deniedRoute, missingRule, ownedDenial, requestFacts } from './denial.js';
import { milliseconds } from './duration.js';
import { domainsOf, requestInWords } from './egress-domains.js';
import type { EncodedPieces } from './encoded-pieces.js';
import { literal } from './format.js';
import type { MeshIndex } from './mesh-index.js';
import { ListenerName, ROUTE_METADATA } from './names.js';
import { operationRouteMatch } from './operation-match.js';
import { REMOVED_HEADERS } from './removed-headers.js';
import type { Shadow } from './shadow.js';
import { routeVerdict, SHADOW_METADATA } from './shadow-verdict.js';
import { typedConfig } from './typed-config.js';

type VirtualHost = MessageInitShape<typeof VirtualHostSchema>;
type Route = MessageInitShape<typeof RouteSchema>;

const AUTHORITY = '%REQ(:AUTHORITY)%';
const REQUEST_TIMEOUT_MS = 15_000;

/**
 * What a service may call: a virtual host for each callee that an edge allows, and for everything
 * else one that says why not. Nothing is answered 404.
 * @returns an encoded RouteConfiguration
 */
export function outboundRoutes(
  index: MeshIndex,
  caller: string,
  pieces: EncodedPieces,
  shadow?: Shadow,
): Uint8Array {
  const { catalogKey } = index;
  const judged = new Set(shadow?.calleesJudgedFor(caller));
  return Buffer.concat([
    pieces.piece(['outbound'], () =>
      encoded({ name: ListenerName.outbound, requestHeadersToRemove: REMOVED_HEADERS }),
    ),
    ...index
      .outboundEdges(caller)
      .filter(({ callee }) => !judged.has(callee))
      .map((edge) =>
        pieces.piece(['outbound edge', catalogKey, ...index.formOf(edge)], () =>
          encoded({ virtualHosts: [allowedHost(index, edge)] }),
        ),
      ),
    ...(shadow === undefined || judged.size === 0 ? [] : [judgedHosts(index, caller, shadow)]),
    pieces.piece(['outbound denied', catalogKey, caller], () =>
      encoded({ virtualHosts: [deniedHost(index, caller)] }),
    ),
  ]);
}

/** The hosts of callees about which a staged revision decides otherwise, whatever is decided now. */
function judgedHosts(index: MeshIndex, caller: string, shadow: Shadow): Uint8Array {
  const edges = new Map(index.outboundEdges(caller).map((edge) => [edge.callee, edge]));
  const virtualHosts = shadow.calleesJudgedFor(caller).map((callee) => {
    const edge = edges.get(callee);
    return edge === undefined
      ? judgedDeniedHost(index, caller, callee, shadow)
      : judgedHost(index, edge, shadow);
  });
  return encoded({ virtualHosts });
}

function encoded(part: MessageInitShape<typeof RouteConfigurationSchema>): Uint8Array {
  return canonicalBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, part));
}

function allowedHost(index: MeshIndex, edge: Edge): VirtualHost {
  const agreed = index.operationsOf(edge);
  const body = notAgreedBody(index, edge, agreed);
  const metadata = { callee: edge.callee };
  return {
    name: edge.callee,
    domains: domainsOf(index, edge.callee),
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

/** The same decisions as `allowedHost`, each with what the staged revision would decide. */
function judgedHost(index: MeshIndex, edge: Edge, shadow: Shadow): VirtualHost {
  const body = notAgreedBody(index, edge, index.operationsOf(edge));
  return {
    name: edge.callee,
    domains: domainsOf(index, edge.callee),
    routes: shadow.judgements(edge.caller, edge.callee).map((judgement) => {
      const { request, live } = judgement;
      const match = request && operationRouteMatch(request);
      const verdict = { [SHADOW_METADATA]: routeVerdict(judgement, shadow.staged.revision.id) };
      return live === undefined
        ? deniedRoute(body, { callee: edge.callee, ...verdict }, match)
        : operationRoute(index, edge, live, match, verdict);
    }),
  };
}

/** A host of a callee to which there is no edge yet: all is denied, some of it would be allowed. */
function judgedDeniedHost(
  index: MeshIndex,
  caller: string,
  callee: string,
  shadow: Shadow,
): VirtualHost {
  return {
    name: callee,
    domains: domainsOf(index, callee),
    routes: shadow.judgements(caller, callee).map((judgement) => {
      const match = judgement.request && operationRouteMatch(judgement.request);
      const verdict = routeVerdict(judgement, shadow.staged.revision.id);
      const metadata = { callee, [SHADOW_METADATA]: verdict };
      return index.has(callee)
        ? ownedDenial(index.teamOf(caller), index.teamOf(callee), match, metadata)
        : unknownCallee(index, caller, match, metadata);
    }),
  };
}

function notAgreedBody(index: MeshIndex, edge: Edge, agreed: readonly Operation[]): JsonObject {
  return {
    error: 'denied by policy',
    reason: `edge ${edge.id} does not allow this method and path`,
    ...requestFacts(edge.caller, edge.callee),
    allowed: agreed.map((each) => literal(`${each.id}: ${requestInWords(each)}`)),
    ...wayOut(index, edge.caller, edge.callee, index.teamOf(edge.callee)),
  };
}

function operationRoute(
  index: MeshIndex,
  edge: Edge,
  operation: Operation,
  match = operationRouteMatch(operation),
  metadata: JsonObject = {},
): Route {
  return {
    name: operation.id,
    match,
    metadata: {
      filterMetadata: {
        [ROUTE_METADATA]: {
          callee: edge.callee,
          edge: edge.id,
          revision: index.edgeRevision(edge),
          ...metadata,
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
 * Everything to which the caller has no edge. The hosts of its edges are matched before, so here
 * stand all services, and nothing depends on edges. They stand by owner: a route holds only who must
 * be asked; the listener makes the body.
 */
function deniedHost(index: MeshIndex, caller: string): VirtualHost {
  const callerTeam = index.teamOf(caller);
  const ofTeams = index.revision.mesh.teams.flatMap((team) => {
    const services = index.servicesOf(team.name);
    const domains = services.flatMap((service) => domainsOf(index, service));
    return domains.length === 0 ? [] : [deniedByNoEdge(callerTeam, team, domains)];
  });
  return { name: 'denied', domains: ['*'], routes: [...ofTeams, unknownCallee(index, caller)] };
}

function unknownCallee(
  index: MeshIndex,
  caller: string,
  match?: ReturnType<typeof operationRouteMatch>,
  metadata: JsonObject = {},
): Route {
  const body = {
    error: 'denied by policy',
    reason: 'the mesh has no service of this name',
    ...requestFacts(caller, AUTHORITY),
    ask: [literal(index.teamOf(caller).contact), literal(index.revision.mesh.contact)],
  };
  return deniedRoute(body, metadata, match);
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
