/**
 * OpenTelemetry for a TypeScript service. Preload it (`node --import …/runtime/telemetry.js`), so
 * that every library is patched before a service's first import. Where to send, what to sample and
 * whether to run at all (`OTEL_SDK_DISABLED`) are the standard OTEL_* variables.
 */
import { createRequire } from 'node:module';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { beforeEnd } from './end-process.js';

// Names of spans' and metrics' fields as in the other languages.
process.env.OTEL_SEMCONV_STABILITY_OPT_IN ??= 'http';
process.env.OTEL_TRACES_EXPORTER ??= 'otlp';
process.env.OTEL_METRICS_EXPORTER ??= 'otlp';
process.env.OTEL_LOGS_EXPORTER ??= 'otlp';
process.env.OTEL_NODE_RESOURCE_DETECTORS ??= 'env,process';

const sdk = new NodeSDK({
  instrumentations: [
    new HttpInstrumentation({
      // Health checks are noise in traces; the exporter's own calls are suppressed by the SDK.
      ignoreIncomingRequestHook: (request) => request.url === '/healthz',
      disableOutgoingRequestInstrumentation: true,
    }),
    new UndiciInstrumentation({ requireParentforSpans: true }),
    new PgInstrumentation({ requireParentSpan: true, ignoreConnectSpans: true }),
  ],
});
sdk.start();

// The SDK patches CommonJS modules when they are required. Both of these are patched in place, and
// ES imports of them see the same objects, so requiring them here is enough.
const require = createRequire(import.meta.url);
require('node:http');
require('pg');

beforeEnd(() => sdk.shutdown());
