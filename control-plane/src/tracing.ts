import { type Attributes, type Span, SpanStatusCode, trace } from '@opentelemetry/api';

const tracer = trace.getTracer('dotline-control-plane');

/** Runs an action in a span, which fails with it; costs nothing while tracing is off. */
export function inSpan<T>(
  name: string,
  attributes: Attributes,
  action: (span: Span) => Promise<T>,
): Promise<T> {
  return tracer.startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await action(span);
    } catch (error) {
      span.recordException(error instanceof Error ? error : String(error));
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

/**
 * Sends the platform's own spans to the collector that the standard `OTEL_*` variables name.
 * @returns how to flush and stop; `undefined` when they name none
 */
export async function startTracing(
  environment: NodeJS.ProcessEnv,
): Promise<(() => Promise<void>) | undefined> {
  if (!environment.OTEL_EXPORTER_OTLP_ENDPOINT) return undefined;
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({
    serviceName: environment.OTEL_SERVICE_NAME ?? 'dotline-control-plane',
    instrumentations: [],
  });
  sdk.start();
  return () => sdk.shutdown();
}
