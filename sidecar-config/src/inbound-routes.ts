import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { Operation } from '@dotline/model/mesh';
import type { RouteSchema } from 'envoy-control-plane-ts/gen/envoy/config/route/v3/route_components_pb';
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/route/v3/route_pb';
import { deniedRoute, requestFacts } from './denial.js';
import { milliseconds } from './duration.js';
import { routeOutside } from './egress-route.js';
import { literal } from './format.js';
import { jwtAuthenticationOfRoute } from './jwt-authentication.js';
import type { MeshIndex } from './mesh-index.js';
import { ListenerName, OwnCluster, ROUTE_METADATA } from './names.js';
import { operationRouteMatch } from './operation-match.js';
import { byPrecedence } from './operation-order.js';
import { REMOVED_HEADERS } from './removed-headers.js';
import { requestAuthorizationOfRoute, requestJudgementOfRoute } from './request-authorization.js';
import type { Shadow } from './shadow.js';

type Route = MessageInitShape<typeof RouteSchema>;

/** Longer than the caller's 15 s, so that of two sidecars it is always the caller's that gives up. */
const REQUEST_TIMEOUT_MS = 16_000;

/**
 * What a service offers: a route for each operation to its app, whatever the edges are. Routes of operations whose
 * requests are decided one by one say so, and those about which a staged revision decides otherwise.
 */
export function inboundRoutes(
  index: MeshIndex,
  callee: string,
  shadow?: Shadow,
): RouteConfiguration {
  const team = index.teamOf(callee);
  const owner = { team: team.name, contact: team.contact };
  return create(RouteConfigurationSchema, {
    name: ListenerName.inbound,
    requestHeadersToRemove: REMOVED_HEADERS,
    virtualHosts: [
      {
        name: ListenerName.inbound,
        domains: ['*'],
        routes: [
          ...byPrecedence(index.service(callee).operations).map((operation) =>
            operationRoute(index, operation, owner, shadow),
          ),
          deniedRoute(
            {
              error: 'denied by policy',
              reason: `${callee} offers no operation of this method and path`,
              ...requestFacts('%DOWNSTREAM_PEER_URI_SAN%', callee),
              ask: [literal(team.contact)],
            },
            owner,
          ),
        ],
      },
    ],
  });
}

const routeToApp = {
  headers: {},
  action: { clusterSpecifier: { case: 'cluster', value: OwnCluster.app } },
} as const;

function operationRoute(
  index: MeshIndex,
  operation: Operation,
  metadata: JsonObject,
  shadow: Shadow | undefined,
): Route {
  const filters = requestFilters(index, operation, shadow);
  const target = operation.host === undefined ? routeToApp : routeOutside(operation.host);
  return {
    ...target.headers,
    ...(filters === undefined ? {} : { typedPerFilterConfig: filters }),
    name: operation.id,
    match: operationRouteMatch(operation),
    metadata: { filterMetadata: { [ROUTE_METADATA]: metadata } },
    action: {
      case: 'route',
      value: {
        ...target.action,
        timeout: milliseconds(REQUEST_TIMEOUT_MS),
        // The app closed its idle connection or restarts: the request was not sent yet.
        retryPolicy: {
          retryOn: 'connect-failure,reset-before-request',
          numRetries: 3,
          retryBackOff: { baseInterval: milliseconds(50), maxInterval: milliseconds(500) },
        },
      },
    },
  };
}

/** What is woken for the requests of an operation that are decided, or judged, one by one. */
function requestFilters(
  index: MeshIndex,
  { id, service }: Operation,
  shadow: Shadow | undefined,
): Record<string, Any> | undefined {
  const decided = index.decided(id);
  const judged = shadow?.requestsJudged(id);
  if (decided !== undefined) {
    const verifies = index.believedIssuers(service).length > 0;
    return {
      ...(verifies ? jwtAuthenticationOfRoute('enforced') : {}),
      ...requestAuthorizationOfRoute(decided, judged),
    };
  }
  if (judged === undefined) return undefined;
  const verifies = index.verifiableIssuers(service).length > 0;
  return {
    ...(verifies ? jwtAuthenticationOfRoute('judged') : {}),
    ...requestJudgementOfRoute(id, judged),
  };
}
