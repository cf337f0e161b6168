import { ExportLogsServiceRequest } from '../gen/opentelemetry/proto/collector/logs/v1/logs_service.js';
import { ExportMetricsServiceRequest } from '../gen/opentelemetry/proto/collector/metrics/v1/metrics_service.js';
import { ExportTraceServiceRequest } from '../gen/opentelemetry/proto/collector/trace/v1/trace_service.js';
import type { AnyValue, KeyValue } from '../gen/opentelemetry/proto/common/v1/common.js';
import type { LogRecord } from '../gen/opentelemetry/proto/logs/v1/logs.js';
import type { Metric } from '../gen/opentelemetry/proto/metrics/v1/metrics.js';
import type { Span } from '../gen/opentelemetry/proto/trace/v1/trace.js';

/** Attributes of strings, as Envoy sends them. */
export function keyValues(entries: Readonly<Record<string, string>>): KeyValue[] {
  return Object.entries(entries).map(([key, value]) => ({
    key,
    value: stringValue(value),
    keyStrindex: 0,
  }));
}

export function stringValue(value: string): AnyValue {
  return { value: { $case: 'stringValue', value } };
}

/** A log record; what is not given is empty. */
export function logRecord(
  attributes: Readonly<Record<string, string>>,
  rest: Partial<LogRecord> = {},
): LogRecord {
  return {
    timeUnixNano: nowNs(),
    observedTimeUnixNano: 0n,
    severityNumber: 0,
    severityText: '',
    body: undefined,
    droppedAttributesCount: 0,
    flags: 0,
    traceId: Buffer.alloc(0),
    spanId: Buffer.alloc(0),
    eventName: '',
    attributes: keyValues(attributes),
    ...rest,
  };
}

/** Attributes of an access log record at the caller's side. */
export const SOURCE: Readonly<Record<string, string>> = {
  reporter: 'source',
  caller: 'trips',
  callee: 'fare',
  edge: 'trips->fare',
  operation: 'fare.estimate',
  edge_revision: '9f3ac2d1',
  authorization: 'allowed',
  method: 'POST',
  path: '/v1/estimates',
  status: '200',
  response_flags: '-',
  response_code_details: 'via_upstream',
  duration_us: '1500',
  request_bytes: '120',
  response_bytes: '540',
  instance: 'trips-1',
  cell: 'cell-1',
  zone: 'zone-a',
  peer_address: '127.1.0.2:15006',
  request_id: 'r-1',
};

export function logsRequest(
  records: readonly LogRecord[],
  resource: Readonly<Record<string, string>> = {},
): Buffer {
  return Buffer.from(
    ExportLogsServiceRequest.encode({
      resourceLogs: [
        {
          resource: resourceOf(resource),
          schemaUrl: '',
          scopeLogs: [{ scope: undefined, schemaUrl: '', logRecords: [...records] }],
        },
      ],
    }).finish(),
  );
}

/** A request of that many access log records, each with a request id of its own. */
export function accessLogRequest(
  requestIds: readonly string[],
  attributes: Readonly<Record<string, string>> = {},
): Buffer {
  return logsRequest(
    requestIds.map((request_id) => logRecord({ ...SOURCE, ...attributes, request_id })),
  );
}

export function spansRequest(
  spans: readonly Partial<Span>[],
  resource: Readonly<Record<string, string>> = {},
): Buffer {
  const whole = spans.map(
    (span): Span => ({
      traceId: Buffer.alloc(16, 1),
      spanId: Buffer.alloc(8, 2),
      traceState: '',
      parentSpanId: Buffer.alloc(0),
      flags: 0,
      name: 'GET /',
      kind: 2,
      startTimeUnixNano: nowNs(),
      endTimeUnixNano: nowNs() + 1_000_000n,
      attributes: [],
      droppedAttributesCount: 0,
      events: [],
      droppedEventsCount: 0,
      links: [],
      droppedLinksCount: 0,
      status: undefined,
      ...span,
    }),
  );
  return Buffer.from(
    ExportTraceServiceRequest.encode({
      resourceSpans: [
        {
          resource: resourceOf(resource),
          schemaUrl: '',
          scopeSpans: [{ scope: undefined, schemaUrl: '', spans: whole }],
        },
      ],
    }).finish(),
  );
}

export function metricsRequest(
  metrics: readonly Pick<Metric, 'name' | 'data'>[],
  resource: Readonly<Record<string, string>> = {},
): Buffer {
  return Buffer.from(
    ExportMetricsServiceRequest.encode({
      resourceMetrics: [
        {
          resource: resourceOf(resource),
          schemaUrl: '',
          scopeMetrics: [
            {
              scope: undefined,
              schemaUrl: '',
              metrics: metrics.map((metric) => ({
                description: '',
                unit: 'ms',
                metadata: [],
                ...metric,
              })),
            },
          ],
        },
      ],
    }).finish(),
  );
}

export function nowNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

function resourceOf(attributes: Readonly<Record<string, string>>) {
  return { attributes: keyValues(attributes), droppedAttributesCount: 0, entityRefs: [] };
}
