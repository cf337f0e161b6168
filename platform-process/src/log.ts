import { trace } from '@opentelemetry/api';
import { logs, SeverityNumber } from '@opentelemetry/api-logs';
import { type Logger, pino } from 'pino';

const SEVERITY: Readonly<Record<number, SeverityNumber>> = {
  10: SeverityNumber.TRACE,
  20: SeverityNumber.DEBUG,
  30: SeverityNumber.INFO,
  40: SeverityNumber.WARN,
  50: SeverityNumber.ERROR,
  60: SeverityNumber.FATAL,
};

/**
 * The log of a process: JSON lines on standard output, each with the ids of the span it was written
 * in, and the same records to OpenTelemetry, which takes none until its export has started.
 * @param name of the process, such as `collector`
 */
export function createLog(name: string, level: string): Logger {
  return pino(
    { name, level, mixin: currentSpan },
    pino.multistream([
      { level: 'trace', stream: pino.destination({ fd: 1, sync: true }) },
      { level: 'trace', stream: { write: emit } },
    ]),
  );
}

function currentSpan(): { trace_id?: string; span_id?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  return span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
}

/** Runs within the logging call, so that the record belongs to the span it was written in. */
function emit(line: string): void {
  const { level, time, msg, name, pid, hostname, trace_id, span_id, ...attributes } = JSON.parse(
    line,
  ) as Record<string, unknown>;
  logs.getLogger('dotline').emit({
    severityNumber: SEVERITY[Number(level)] ?? SeverityNumber.UNSPECIFIED,
    severityText: pino.levels.labels[Number(level)] ?? '',
    timestamp: Number(time),
    body: String(msg ?? ''),
    attributes: Object.fromEntries(
      Object.entries(attributes).map(([key, value]) => [
        key,
        typeof value === 'object' ? JSON.stringify(value) : String(value),
      ]),
    ),
  });
}
