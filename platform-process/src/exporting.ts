import { Agent as HttpAgent } from 'node:http';
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { logs, metrics, NodeSDK, resources, tracing } from '@opentelemetry/sdk-node';
import { HOLD_MS_MAX, HoldingExporter } from './holding-exporter.js';
import { PrometheusProducer } from './prometheus-producer.js';
import { RenewedIdentityAgent } from './renewed-identity-agent.js';
import type { TelemetrySettings } from './telemetry-settings.js';
import { identityFiles } from './tls-identity.js';

/** A processor stops waiting for a batch only after its exporter has. */
const EXPORT_TIMEOUT_MS = HOLD_MS_MAX + 60_000;

/** Spans, metrics and log records on their way to the collector. */
export interface Exporting {
  /** Sends what is there, once, and ends. */
  stop(): Promise<void>;
}

/**
 * The variables of https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#batch-logrecord-processor,
 * which the SDK itself reads for spans alone.
 */
function logBatches(environment: NodeJS.ProcessEnv) {
  const {
    OTEL_BLRP_MAX_QUEUE_SIZE: queue,
    OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: batch,
    OTEL_BLRP_SCHEDULE_DELAY: delay,
  } = environment;
  return {
    ...(queue === undefined ? {} : { maxQueueSize: Number(queue) }),
    ...(batch === undefined ? {} : { maxExportBatchSize: Number(batch) }),
    ...(delay === undefined ? {} : { scheduledDelayMillis: Number(delay) }),
  };
}

/** Starts OpenTelemetry's SDK. A module of its own, because loading the SDK takes a quarter of a second. */
export function startExporting({
  service,
  log,
  registry,
  identity = identityFiles(process.env),
}: TelemetrySettings): Exporting {
  diag.setLogger(
    {
      error: (message) => log.warn({ reason: message }, 'telemetry'),
      warn: (message) => log.warn({ reason: message }, 'telemetry'),
      info: () => undefined,
      debug: () => undefined,
      verbose: () => undefined,
    },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const agent = new RenewedIdentityAgent(identity);
  const httpAgentOptions = (protocol: string) =>
    protocol === 'https:' ? agent : new HttpAgent({ keepAlive: true });
  const spans = new HoldingExporter('spans', new OTLPTraceExporter({ httpAgentOptions }), log);
  const records = new HoldingExporter(
    'log records',
    new OTLPLogExporter({ httpAgentOptions }),
    log,
  );
  const sdk = new NodeSDK({
    ...(process.env.OTEL_SERVICE_NAME === undefined ? { serviceName: service } : {}),
    resourceDetectors: [resources.envDetector],
    instrumentations: [],
    spanProcessors: [
      new tracing.BatchSpanProcessor(spans, { exportTimeoutMillis: EXPORT_TIMEOUT_MS }),
    ],
    logRecordProcessors: [
      new logs.BatchLogRecordProcessor(records, {
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
        ...logBatches(process.env),
      }),
    ],
    metricReaders: [
      new metrics.PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter({ httpAgentOptions }),
        metricProducers: [new PrometheusProducer(registry)],
        exportIntervalMillis: Number(process.env.OTEL_METRIC_EXPORT_INTERVAL ?? 60_000),
      }),
    ],
  });
  sdk.start();
  return {
    async stop() {
      for (const exporter of [spans, records]) exporter.giveUp();
      // A provider that is shut down complains of each record, and the complaint would be a record.
      diag.disable();
      await sdk.shutdown();
      agent.destroy();
    },
  };
}
