import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import type { Team } from '@dotline/model/mesh';
import type { AccessLogFilterSchema } from 'envoy-control-plane-ts/gen/envoy/config/accesslog/v3/accesslog_pb';
import type { SubstitutionFormatStringSchema } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/substitution_format_string_pb';
import type {
  RouteMatchSchema,
  RouteSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/route/v3/route_components_pb';
import { ExpressionFilterSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb';
import type { ResponseMapperSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb';
import { PATH_WITHOUT_QUERY } from './format.js';
import { DENIED_ROUTE, ROUTE_METADATA } from './names.js';
import { typedConfig } from './typed-config.js';

type Format = MessageInitShape<typeof SubstitutionFormatStringSchema>;

/** A JSON body; Envoy escapes what it puts in, so no path or host can break out of its string. */
function jsonBody(body: JsonObject): Format {
  return {
    format: { case: 'jsonFormat', value: body },
    contentType: 'application/json',
    jsonFormatOptions: { sortProperties: false },
  };
}

/** A route that answers 403, to everything unless `match` says to what. */
export function deniedRoute(
  body: JsonObject,
  metadata: JsonObject = {},
  match: MessageInitShape<typeof RouteMatchSchema> = EVERYTHING,
): MessageInitShape<typeof RouteSchema> {
  return {
    name: DENIED_ROUTE,
    metadata: { filterMetadata: { [ROUTE_METADATA]: metadata } },
    match,
    action: { case: 'directResponse', value: { status: 403, bodyFormat: jsonBody(body) } },
  };
}

const EVERYTHING = { pathSpecifier: { case: 'prefix', value: '' } } as const;

/** What was asked; `caller` and `callee` are text of the formatter. */
export function requestFacts(caller: string, callee: string): JsonObject {
  return { caller, callee, method: '%REQ(:METHOD)%', path: PATH_WITHOUT_QUERY };
}

/** A rule that an edge needs, and who writes it; all are text of the formatter. */
export function missingRule(service: string, team: string, contact: string): JsonObject {
  return { service, team, directory: `policies/teams/${team}/`, contact };
}

/** The route of callees to which the caller has no edge at all. */
export function deniedByNoEdge(
  callerTeam: Team,
  calleeTeam: Team,
  /** The services that the callee's team owns, and the hosts that they reach outside. */
  callees: readonly string[],
): MessageInitShape<typeof RouteSchema> {
  return ownedDenial(callerTeam, calleeTeam, {
    ...EVERYTHING,
    headers: [
      {
        name: ':authority',
        headerMatchSpecifier: {
          case: 'stringMatch',
          // Of the whole value; names of services are DNS labels, and hosts have no case.
          value: {
            matchPattern: {
              case: 'safeRegex',
              value: { regex: `(?i)(${callees.join('|').replaceAll('.', '\\.')})` },
            },
          },
        },
      },
    ],
  });
}

/** A route that says by no more than its metadata whom to ask; `noEdgeReply` makes its body. */
export function ownedDenial(
  callerTeam: Team,
  calleeTeam: Team,
  match: MessageInitShape<typeof RouteMatchSchema> = EVERYTHING,
  metadata: JsonObject = {},
): MessageInitShape<typeof RouteSchema> {
  return {
    name: DENIED_ROUTE,
    metadata: {
      filterMetadata: {
        [ROUTE_METADATA]: {
          need_team: callerTeam.name,
          need_contact: callerTeam.contact,
          grant_team: calleeTeam.name,
          grant_contact: calleeTeam.contact,
          ...metadata,
        },
      },
    },
    match,
    action: { case: 'directResponse', value: { status: 403 } },
  };
}

/** The body of `ownedDenial`, as the caller's listener makes it. */
export function noEdgeReply(caller: string): MessageInitShape<typeof ResponseMapperSchema> {
  const callee = '%REQ(:AUTHORITY)%';
  const [needContact, grantContact] = [routeText('need_contact'), routeText('grant_contact')];
  return {
    filter: expressionFilter(
      `'grant_team' in xds.route_metadata.filter_metadata['${ROUTE_METADATA}']`,
    ),
    bodyFormatOverride: jsonBody({
      error: 'denied by policy',
      reason: 'no edge between caller and callee',
      ...requestFacts(caller, callee),
      missing: {
        need: missingRule(caller, routeText('need_team'), needContact),
        grant: missingRule(callee, routeText('grant_team'), grantContact),
      },
      ask: [needContact, grantContact],
      explain: `dotline explain ${caller} ${callee}`,
    }),
  };
}

/**
 * The body of what RBAC refuses, told from an app's own 403 by the details. RBAC's metadata cannot
 * tell: it is set only after the reply has been made.
 */
export function rbacReply(callee: string): MessageInitShape<typeof ResponseMapperSchema> {
  const caller = '%DOWNSTREAM_PEER_URI_SAN%';
  return {
    filter: expressionFilter("response.code_details.startsWith('rbac_access_denied')"),
    bodyFormatOverride: jsonBody({
      error: 'denied by policy',
      reason: 'no edge allows this caller to make this request',
      ...requestFacts(caller, callee),
      ask: [routeText('contact')],
      explain: `dotline explain ${caller} ${callee}`,
    }),
  };
}

/** The body where Envoy cannot verify a token; `reason` is Envoy's own. */
export function badTokenReply(callee: string): MessageInitShape<typeof ResponseMapperSchema> {
  return {
    filter: expressionFilter("response.code_details.startsWith('jwt_authn_access_denied')"),
    bodyFormatOverride: jsonBody({
      error: 'token refused',
      reason: '%LOCAL_REPLY_BODY%',
      ...requestFacts('%DOWNSTREAM_PEER_URI_SAN%', callee),
      ask: [routeText('contact')],
    }),
  };
}

/** The body where nobody decided about a request in time. */
export function undecidedReply(callee: string): MessageInitShape<typeof ResponseMapperSchema> {
  return {
    filter: expressionFilter("response.code_details == 'ext_authz_error'"),
    bodyFormatOverride: jsonBody({
      error: 'not decided',
      reason: 'the request policy could not be asked, and without its answer requests are refused',
      ...requestFacts('%DOWNSTREAM_PEER_URI_SAN%', callee),
      operation: '%ROUTE_NAME%',
      ask: [routeText('contact')],
    }),
  };
}

function routeText(key: string): string {
  return `%METADATA(ROUTE:${ROUTE_METADATA}:${key})%`;
}

function expressionFilter(expression: string): MessageInitShape<typeof AccessLogFilterSchema> {
  return {
    filterSpecifier: {
      case: 'extensionFilter',
      value: {
        name: 'envoy.access_loggers.extension_filters.cel',
        configType: typedConfig(ExpressionFilterSchema, { expression }),
      },
    },
  };
}
