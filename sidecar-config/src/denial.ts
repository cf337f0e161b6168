import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import type { Team } from '@dotline/model/mesh';
import type { SubstitutionFormatStringSchema } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/substitution_format_string_pb';
import type { RouteSchema } from 'envoy-control-plane-ts/gen/envoy/config/route/v3/route_components_pb';
import { literal, PATH_WITHOUT_QUERY } from './format.js';
import { DENIED_ROUTE, ROUTE_METADATA } from './names.js';

type Format = MessageInitShape<typeof SubstitutionFormatStringSchema>;

/** A JSON body; Envoy escapes what it puts in, so no path or host can break out of its string. */
export function jsonBody(body: JsonObject): Format {
  return {
    format: { case: 'jsonFormat', value: body },
    contentType: 'application/json',
    jsonFormatOptions: { sortProperties: false },
  };
}

/** The route that answers 403 to everything that no earlier route of its virtual host took. */
export function deniedRoute(
  body: JsonObject,
  metadata: JsonObject = {},
): MessageInitShape<typeof RouteSchema> {
  return {
    name: DENIED_ROUTE,
    metadata: { filterMetadata: { [ROUTE_METADATA]: metadata } },
    match: { pathSpecifier: { case: 'prefix', value: '' } },
    action: { case: 'directResponse', value: { status: 403, bodyFormat: jsonBody(body) } },
  };
}

/** What was asked; `caller` and `callee` are text of the formatter. */
export function requestFacts(caller: string, callee: string): JsonObject {
  return { caller, callee, method: '%REQ(:METHOD)%', path: PATH_WITHOUT_QUERY };
}

/** A rule that an edge needs, and who writes it. */
export function missingRule(service: string, team: Team): JsonObject {
  return {
    service,
    team: team.name,
    directory: `policies/teams/${team.name}/`,
    contact: literal(team.contact),
  };
}
