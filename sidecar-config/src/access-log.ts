import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Instance } from '@dotline/model/instance';
import type { AccessLogSchema } from 'envoy-control-plane-ts/gen/envoy/config/accesslog/v3/accesslog_pb';
import { OpenTelemetryAccessLogConfigSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb';
import type { KeyValueSchema } from 'envoy-control-plane-ts/gen/opentelemetry/proto/common/v1/common_pb';
import { milliseconds } from './duration.js';
import { expression, firstPresent, literal, PATH_WITHOUT_QUERY } from './format.js';
import { DENIED_ROUTE, OwnCluster, ROUTE_METADATA } from './names.js';
import { SHADOW_METADATA } from './shadow-verdict.js';
import { typedConfig } from './typed-config.js';

type AccessLog = MessageInitShape<typeof AccessLogSchema>;
type Attributes = Readonly<Record<string, string>>;

const RBAC = 'envoy.filters.http.rbac';
/** How long records wait to be sent together; the live view is late by so much more. */
const FLUSH_MS = 500;
/** Longer than a collector may wait for ClickHouse before it answers (5 s). */
const TRY_MS_MAX = 6_000;

/** One record for each request that the app makes, seen by its own sidecar. */
export function sourceAccessLog(instance: Instance): AccessLog {
  return otlpAccessLog(instance, 'source', {
    reporter: 'source',
    caller: instance.service,
    callee: firstPresent(
      { command: 'METADATA', param: `ROUTE:${ROUTE_METADATA}:callee` },
      { command: 'REQ', param: ':AUTHORITY' },
    ),
    edge: `%METADATA(ROUTE:${ROUTE_METADATA}:edge)%`,
    edge_revision: `%METADATA(ROUTE:${ROUTE_METADATA}:revision)%`,
    authorization: expression(
      `has(xds.route_name) && xds.route_name == '${DENIED_ROUTE}' ? 'denied' : 'allowed'`,
    ),
    // While a staged revision judges the caller: see `routeVerdict`.
    shadow: `%METADATA(ROUTE:${ROUTE_METADATA}:${SHADOW_METADATA})%`,
    peer_address: '%UPSTREAM_HOST%',
  });
}

/** One record for each request that reaches the app's sidecar, with what RBAC decided. */
export function destinationAccessLog(instance: Instance): AccessLog {
  return otlpAccessLog(instance, 'destination', {
    reporter: 'destination',
    caller: '%DOWNSTREAM_PEER_URI_SAN%',
    callee: instance.service,
    // The edge's id, '@' and the revision in which it took its form: see `policyName`, and while a
    // staged revision judges the callers `judgedPolicyName`.
    edge: `%DYNAMIC_METADATA(${RBAC}:enforced_effective_policy_id)%`,
    authorization: `%DYNAMIC_METADATA(${RBAC}:enforced_engine_result)%`,
    // What RBAC decided, what its shadow rules would, and by which of them.
    shadow: `%DYNAMIC_METADATA(${RBAC}:enforced_engine_result)% %DYNAMIC_METADATA(${RBAC}:shadow_engine_result)% %DYNAMIC_METADATA(${RBAC}:shadow_effective_policy_id)%`,
    peer_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  });
}

/** What both sides say about a request; docs/architecture.md names each attribute. */
function commonAttributes(instance: Instance): Attributes {
  return {
    operation: '%ROUTE_NAME%',
    method: '%REQ(:METHOD)%',
    path: PATH_WITHOUT_QUERY,
    status: '%RESPONSE_CODE%',
    response_flags: '%RESPONSE_FLAGS%',
    response_code_details: '%RESPONSE_CODE_DETAILS%',
    // A request that the caller gave up has no last byte; its duration is known in milliseconds.
    duration_us: firstPresent(
      { command: 'COMMON_DURATION', param: 'DS_RX_BEG:DS_TX_END:us' },
      {
        command: 'CEL',
        param:
          'request.duration.getSeconds() * 1000000 + request.duration.getMilliseconds() * 1000',
      },
    ),
    request_bytes: '%BYTES_RECEIVED%',
    response_bytes: '%BYTES_SENT%',
    request_id: '%REQ(X-REQUEST-ID)%',
    instance: literal(instance.id),
    cell: literal(instance.cell),
    zone: literal(instance.zone),
  };
}

function otlpAccessLog(instance: Instance, logName: string, attributes: Attributes): AccessLog {
  return {
    name: 'envoy.access_loggers.open_telemetry',
    configType: typedConfig(OpenTelemetryAccessLogConfigSchema, {
      logName,
      statPrefix: `${logName}.`,
      disableBuiltinLabels: true,
      grpcService: collectorLogs,
      bufferFlushInterval: milliseconds(FLUSH_MS),
      bufferSizeBytes: 64 * 1024,
      resourceAttributes: keyValues({
        'service.name': instance.service,
        'service.instance.id': instance.id,
      }),
      attributes: keyValues({ ...commonAttributes(instance), ...attributes }),
    }),
  };
}

/**
 * Without a retry policy a batch is lost while the collector restarts. Twenty tries outlast half a
 * minute; after that the batch is lost and counted in `access_logs.open_telemetry_access_log.*`.
 * The longest pause between two tries is also the longest that Envoy waits for the answer to one (see
 * `convertCoreToRouteRetryPolicy` in its `source/common/http/utility.cc`), and a batch that it has given
 * up is sent again.
 */
const collectorLogs: MessageInitShape<typeof OpenTelemetryAccessLogConfigSchema>['grpcService'] = {
  targetSpecifier: { case: 'envoyGrpc', value: { clusterName: OwnCluster.collectorGrpc } },
  timeout: milliseconds(30_000),
  retryPolicy: {
    retryOn: 'unavailable,cancelled,connect-failure,reset,internal',
    numRetries: 20,
    retryBackOff: { baseInterval: milliseconds(500), maxInterval: milliseconds(TRY_MS_MAX) },
  },
};

function keyValues(entries: Attributes): { values: MessageInitShape<typeof KeyValueSchema>[] } {
  return {
    values: Object.entries(entries).map(([key, value]) => ({
      key,
      value: { value: { case: 'stringValue', value } },
    })),
  };
}
