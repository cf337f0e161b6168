import type { Trace, TraceSpan } from '@dotline/collectors/traffic-queries';
import type { TraceView } from './api.js';

/** A trace as the API shows it. */
export function traceView({ traceId, spans }: Trace): TraceView {
  return { traceId, spans: spans.map(spanView) };
}

function spanView(span: TraceSpan): TraceView['spans'][number] {
  return {
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name,
    service: span.service,
    kind: span.kind,
    startMs: span.startUs / 1000,
    durationMs: span.durationUs / 1000,
    failed: span.status.toLowerCase().includes('error'),
  };
}
