import { type Attributes, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

/** One scope for all of the platform: `service.name` tells its processes apart. */
export const tracer = trace.getTracer('dotline');

/** What a span says beside its name. */
export interface SpanOptions {
  /** Default `INTERNAL`; `CLIENT` for a call to a store or another process. */
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
}

/** Runs an action in a span, which fails with it; costs next to nothing while nothing is exported. */
export function inSpan<T>(
  name: string,
  options: SpanOptions,
  action: (span: Span) => Promise<T>,
): Promise<T> {
  return tracer.startActiveSpan(name, options, async (span) => {
    try {
      return await action(span);
    } catch (error) {
      failSpan(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
}

/**
 * A call to one of the stores, as a client's span within what the call is for. Without such a span
 * there is none: what reads a store all by itself, again and again, is told by its metrics.
 * @param name one of few
 */
export function inStoreSpan<T>(
  store: 'postgresql' | 'clickhouse',
  name: string,
  action: () => Promise<T>,
  attributes: Attributes = {},
): Promise<T> {
  if (trace.getActiveSpan() === undefined) return action();
  const options = {
    kind: SpanKind.CLIENT,
    // https://opentelemetry.io/docs/specs/semconv/database/database-spans/
    attributes: { 'db.system.name': store, ...attributes },
  };
  return inSpan(name, options, action);
}

/** Marks a span as failed, with the reason. */
export function failSpan(span: Span, error: unknown): void {
  const reason = error instanceof Error ? error : new Error(String(error));
  span.recordException(reason);
  span.setStatus({ code: SpanStatusCode.ERROR, message: reason.message });
}
