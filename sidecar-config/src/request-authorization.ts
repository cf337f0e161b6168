import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { WhenUndecided } from '@dotline/model/request-policy';
import { ApiVersion } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/config_source_pb';
import {
  ExtAuthzPerRouteSchema,
  ExtAuthzSchema,
} from 'envoy-control-plane-ts/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb';
import type { HttpFilterSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb';
import { StatusCode } from 'envoy-control-plane-ts/gen/envoy/type/v3/http_status_pb';
import { milliseconds } from './duration.js';
import { JWT_METADATA } from './jwt-authentication.js';
import type { DecidedOperation } from './mesh-index.js';
import { OwnCluster } from './names.js';
import type { JudgedRequests } from './shadow.js';
import { typedConfig } from './typed-config.js';

type HttpFilter = MessageInitShape<typeof HttpFilterSchema>;

/** After this a request counts as undecided; the authorizer gives up before. */
const TIMEOUT_MS = 1_000;

/**
 * The same for a request that is only judged: the authorizer answers before it judges, and one that is hung
 * must not be felt.
 */
const JUDGED_TIMEOUT_MS = 50;

/**
 * What an authorizer is told of a request's headers: nothing that lets somebody in elsewhere, such as cookies
 * and tokens. The first are for policies, the last for the log of decisions.
 */
const TOLD_HEADERS = [
  'accept',
  'accept-language',
  'content-length',
  'content-type',
  'idempotency-key',
  'user-agent',
  'x-request-id',
  'traceparent',
];

/** Headers that begin so are an app's own, and meant for policies. */
const TOLD_PREFIX = 'x-client-';

/** Envoy knows a failure mode for each filter, not for each route: hence one filter for each mode. */
const FILTER_NAMES: Readonly<Record<WhenUndecided, string>> = {
  closed: 'request-authorization',
  open: 'request-authorization-open',
};

/**
 * Asks the host's authorizer about single requests. The filters are part of every listener and rest until a
 * route wakes one, so that no change of policy touches a connection and an operation without a rule costs nothing.
 */
export const requestAuthorizationFilters: readonly HttpFilter[] = [
  requestAuthorizationFilter('closed'),
  requestAuthorizationFilter('open'),
];

function requestAuthorizationFilter(fail: WhenUndecided): HttpFilter {
  return {
    name: FILTER_NAMES[fail],
    disabled: true,
    configType: typedConfig(ExtAuthzSchema, {
      services: {
        case: 'grpcService',
        value: {
          targetSpecifier: { case: 'envoyGrpc', value: { clusterName: OwnCluster.authorizer } },
          timeout: milliseconds(TIMEOUT_MS),
        },
      },
      transportApiVersion: ApiVersion.V3,
      failureModeAllow: fail === 'open',
      statusOnError: { code: StatusCode.ServiceUnavailable },
      metadataContextNamespaces: [JWT_METADATA],
      allowedHeaders: {
        patterns: [
          ...TOLD_HEADERS.map((value) => ({ matchPattern: { case: 'exact', value } as const })),
          { matchPattern: { case: 'prefix', value: TOLD_PREFIX } },
        ],
      },
      statPrefix: fail,
    }),
  };
}

/**
 * Wakes the filter on the route of an operation. The sidecar says by which policy to decide, by content hash: so
 * sidecars of different revisions are each answered by their own, and a policy is in force with its route.
 * @param judged how a staged revision would decide; nothing of it is enforced
 */
export function requestAuthorizationOfRoute(
  { operation, fail, policy, revision }: DecidedOperation,
  judged: JudgedRequests | undefined,
): Record<string, Any> {
  return {
    [FILTER_NAMES[fail]]: typedConfig(ExtAuthzPerRouteSchema, {
      override: {
        case: 'checkSettings',
        value: { contextExtensions: { operation, policy, revision, fail, ...besides(judged) } },
      },
    }).value,
  };
}

/** Has the requests for an operation judged about which the live revision decides nothing: each passes. */
export function requestJudgementOfRoute(
  operation: string,
  judged: JudgedRequests,
): Record<string, Any> {
  return {
    [FILTER_NAMES.open]: typedConfig(ExtAuthzPerRouteSchema, {
      override: {
        case: 'checkSettings',
        value: {
          contextExtensions: { operation, fail: 'open', ...besides(judged) },
          serviceOverride: {
            case: 'grpcService',
            value: {
              targetSpecifier: { case: 'envoyGrpc', value: { clusterName: OwnCluster.authorizer } },
              timeout: milliseconds(JUDGED_TIMEOUT_MS),
            },
          },
        },
      },
    }).value,
  };
}

function besides(judged: JudgedRequests | undefined): Record<string, string> {
  if (judged === undefined) return {};
  return { staged: judged.staged, ...(judged.policy && { staged_policy: judged.policy }) };
}
