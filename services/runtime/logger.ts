import { trace } from '@opentelemetry/api';
import { logs, SeverityNumber } from '@opentelemetry/api-logs';
import pino, { type Logger } from 'pino';
import type { ServiceSettings } from './settings.js';

export type { Logger } from 'pino';

const SEVERITY: Readonly<Record<number, SeverityNumber>> = {
  10: SeverityNumber.TRACE,
  20: SeverityNumber.DEBUG,
  30: SeverityNumber.INFO,
  40: SeverityNumber.WARN,
  50: SeverityNumber.ERROR,
  60: SeverityNumber.FATAL,
};

/**
 * JSON lines on standard output, each with the ids of the current trace, and the same records to
 * OpenTelemetry. Without a running SDK the second is a no-op.
 */
export function createLogger(
  settings: Pick<ServiceSettings, 'DOTLINE_SERVICE' | 'DOTLINE_INSTANCE' | 'LOG_LEVEL'>,
): Logger {
  return pino(
    {
      level: settings.LOG_LEVEL,
      base: { service: settings.DOTLINE_SERVICE, instance: settings.DOTLINE_INSTANCE },
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin: currentTrace,
    },
    pino.multistream([
      { level: 'trace', stream: process.stdout },
      { level: 'trace', stream: { write: emitToOpenTelemetry } },
    ]),
  );
}

function currentTrace(): { trace_id?: string; span_id?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  return span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
}

/** Runs inside the logging call, so the record gets the caller's trace context from the SDK. */
function emitToOpenTelemetry(line: string): void {
  const { level, time, msg, service, instance, trace_id, span_id, ...attributes } = JSON.parse(
    line,
  ) as Record<string, unknown>;
  logs.getLogger('dotline').emit({
    severityNumber: SEVERITY[Number(level)] ?? SeverityNumber.UNSPECIFIED,
    severityText: pino.levels.labels[Number(level)] ?? '',
    timestamp: new Date(String(time)),
    body: String(msg ?? ''),
    attributes: Object.fromEntries(
      Object.entries(attributes).map(([key, value]) => [
        key,
        typeof value === 'object' ? JSON.stringify(value) : String(value),
      ]),
    ),
  });
}
