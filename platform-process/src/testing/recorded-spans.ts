import { NodeSDK, tracing } from '@opentelemetry/sdk-node';

/** Keeps the spans of this process instead of exporting them. One at a time. */
export class RecordedSpans {
  readonly #exporter = new tracing.InMemorySpanExporter();
  readonly #sdk = new NodeSDK({
    spanProcessors: [new tracing.SimpleSpanProcessor(this.#exporter)],
    resourceDetectors: [],
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: [],
  });

  static start(): RecordedSpans {
    const recorded = new RecordedSpans();
    recorded.#sdk.start();
    return recorded;
  }

  /** In the order of their ends. */
  get finished(): readonly tracing.ReadableSpan[] {
    return this.#exporter.getFinishedSpans();
  }

  /** The children of a span. */
  below(parent: tracing.ReadableSpan): tracing.ReadableSpan[] {
    const { spanId } = parent.spanContext();
    return this.finished.filter(({ parentSpanContext }) => parentSpanContext?.spanId === spanId);
  }

  reset(): void {
    this.#exporter.reset();
  }

  stop(): Promise<void> {
    return this.#sdk.shutdown();
  }
}
