import { type Context, context, propagation, ROOT_CONTEXT } from '@opentelemetry/api';

/** The current trace as a W3C `traceparent`, to be stored with work that is done later; null without one. */
export function currentTraceParent(): string | null {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent ?? null;
}

/** The context in which stored work goes on. */
export function contextOf(traceParent: string | null): Context {
  return propagation.extract(
    ROOT_CONTEXT,
    traceParent === null ? {} : { traceparent: traceParent },
  );
}
