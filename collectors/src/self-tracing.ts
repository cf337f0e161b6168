import { type Tracer, trace } from '@opentelemetry/api';
import type { Segment } from './spool/segment.js';

/** The collector's own traces; does nothing until {@link startSelfTracing} has run. */
const tracer: Tracer = trace.getTracer('@dotline/collectors');

/**
 * Starts to export traces when `OTEL_EXPORTER_OTLP_ENDPOINT` is set, with the SDK's standard variables.
 * @returns what ends it
 */
export async function startSelfTracing(
  environment: NodeJS.ProcessEnv,
): Promise<() => Promise<void>> {
  if (!environment.OTEL_EXPORTER_OTLP_ENDPOINT) return async () => {};
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({
    serviceName: environment.OTEL_SERVICE_NAME ?? 'collector',
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  return () => sdk.shutdown();
}

/**
 * One span per segment, not per request. Segments of nothing but spans have none: where the collector
 * exports to itself each would bring about the next.
 */
export function traceSegment(segment: Segment, seconds: number): void {
  if (segment.tables.every(({ table }) => table === 'spans')) return;
  const endMs = Date.now();
  tracer
    .startSpan('store segment', {
      startTime: endMs - seconds * 1000,
      attributes: {
        'dotline.segment': segment.id,
        'dotline.requests': segment.requests.length,
        'dotline.rows': segment.tables.reduce((sum, { rows }) => sum + rows, 0),
      },
    })
    .end(endMs);
}
