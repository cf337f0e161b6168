import { BinaryReader } from '@bufbuild/protobuf/wire';
import {
  ExportLogsServiceRequest,
  ExportLogsServiceResponse,
} from '../gen/opentelemetry/proto/collector/logs/v1/logs_service.js';
import {
  ExportMetricsServiceRequest,
  ExportMetricsServiceResponse,
} from '../gen/opentelemetry/proto/collector/metrics/v1/metrics_service.js';
import {
  ExportTraceServiceRequest,
  ExportTraceServiceResponse,
} from '../gen/opentelemetry/proto/collector/trace/v1/trace_service.js';
import type { Peer } from '../peer/peer.js';
import { accessLogRow } from './access-log-row.js';
import { attributesOf } from './attributes.js';
import { DecodedRequest, MalformedRequest } from './decoded-request.js';
import { logRow } from './log-row.js';
import { metricPointRows } from './metric-point-rows.js';
import {
  isRequestDecision,
  requestDecisionRow,
  requestVerdictRow,
} from './request-decision-row.js';
import { senderOf } from './sender.js';
import { spanRow } from './span-row.js';

/** One of OTLP's three services. */
export interface Signal {
  readonly name: 'logs' | 'traces' | 'metrics';
  /** gRPC method. */
  readonly grpcPath: string;
  readonly httpPath: string;
  /**
   * Reads a request into lines of tables. A record that cannot be stored is counted, the others are kept.
   * @throws MalformedRequest when the bytes are no such message
   */
  decode(bytes: Buffer, peer: Peer, arrivalNs: bigint): DecodedRequest;
  /** The answer that tells the sender how many records were dropped. */
  response(rejected: number): Uint8Array;
}

/** Envoy's access logs, decisions about single requests, and everybody's own logs. */
export const LOGS: Signal = {
  name: 'logs',
  grpcPath: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  httpPath: '/v1/logs',
  decode(bytes, peer, arrivalNs) {
    const request = new DecodedRequest();
    for (const { resource, scopeLogs } of parse(ExportLogsServiceRequest, bytes).resourceLogs) {
      const sender = senderOf(resource, peer, request);
      for (const { scope, logRecords } of scopeLogs) {
        for (const record of logRecords) {
          const attributes = attributesOf(record.attributes);
          if (isRequestDecision(attributes, peer)) {
            const row = requestDecisionRow(record, attributes, arrivalNs, request);
            request.add('request_decisions', row);
            continue;
          }
          const verdict = requestVerdictRow(record, attributes, peer, arrivalNs, request);
          if (verdict !== undefined) {
            request.add('shadow_verdicts', verdict);
            continue;
          }
          if (!attributes.has('reporter')) {
            const scopeName = scope?.name ?? '';
            request.add('logs', logRow(record, attributes, scopeName, sender, arrivalNs, request));
            continue;
          }
          const row = accessLogRow(record, attributes, peer, arrivalNs, request);
          if ('defect' in row) {
            request.reject(`access_log_${row.defect}`);
            continue;
          }
          request.add('access_log', row.line);
          if (row.verdictLine !== undefined) request.add('shadow_verdicts', row.verdictLine);
        }
      }
    }
    return request;
  },
  response: (rejected) =>
    ExportLogsServiceResponse.encode({
      partialSuccess:
        rejected === 0
          ? undefined
          : { rejectedLogRecords: BigInt(rejected), errorMessage: REJECTED },
    }).finish(),
};

/** Spans. */
export const TRACES: Signal = {
  name: 'traces',
  grpcPath: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  httpPath: '/v1/traces',
  decode(bytes, peer, arrivalNs) {
    const request = new DecodedRequest();
    for (const { resource, scopeSpans } of parse(ExportTraceServiceRequest, bytes).resourceSpans) {
      const sender = senderOf(resource, peer, request);
      for (const { scope, spans } of scopeSpans) {
        for (const span of spans) {
          const row = spanRow(span, scope?.name ?? '', sender, arrivalNs, request);
          if (row === undefined) request.reject('span_id');
          else request.add('spans', row);
        }
      }
    }
    return request;
  },
  response: (rejected) =>
    ExportTraceServiceResponse.encode({
      partialSuccess:
        rejected === 0 ? undefined : { rejectedSpans: BigInt(rejected), errorMessage: REJECTED },
    }).finish(),
};

/** Metric points. */
export const METRICS: Signal = {
  name: 'metrics',
  grpcPath: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  httpPath: '/v1/metrics',
  decode(bytes, peer, arrivalNs) {
    const request = new DecodedRequest();
    const { resourceMetrics } = parse(ExportMetricsServiceRequest, bytes);
    for (const { resource, scopeMetrics } of resourceMetrics) {
      const sender = senderOf(resource, peer, request);
      for (const metric of scopeMetrics.flatMap(({ metrics }) => metrics)) {
        for (const row of metricPointRows(metric, sender, arrivalNs, request)) {
          request.add('metric_points', row);
        }
      }
    }
    return request;
  },
  response: (rejected) =>
    ExportMetricsServiceResponse.encode({
      partialSuccess:
        rejected === 0
          ? undefined
          : { rejectedDataPoints: BigInt(rejected), errorMessage: REJECTED },
    }).finish(),
};

/** What the collector receives. */
export const SIGNALS: readonly Signal[] = [LOGS, TRACES, METRICS];

const REJECTED = 'Some records lack what they need; see dotline_collector_rejected_records_total';

interface Decoder<T> {
  decode(input: BinaryReader): T;
}

function parse<T>(message: Decoder<T>, bytes: Buffer): T {
  const reader = new BinaryReader(bytes);
  try {
    const value = message.decode(reader);
    // The decoder stops at an end-group tag, which protobuf 3 never writes.
    if (reader.pos !== bytes.length) throw new Error(`it ends at byte ${reader.pos}`);
    return value;
  } catch (error) {
    throw new MalformedRequest(`The request is no OTLP message: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
