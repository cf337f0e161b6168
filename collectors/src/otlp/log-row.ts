import type { LogRecord } from '../gen/opentelemetry/proto/logs/v1/logs.js';
import { hexId, textOf } from './attributes.js';
import { type ClampCount, clampedTime, unixSeconds } from './event-time.js';
import type { Sender } from './sender.js';
import { line, mapOf } from './tab-separated.js';

/** Columns of `logs`, in the order in which {@link logRow} writes them. */
export const LOG_COLUMNS = [
  'time',
  'service',
  'instance',
  'severity',
  'severity_text',
  'body',
  'trace_id',
  'span_id',
  'scope',
  'attributes',
  'resource',
] as const;

/** One line of `logs`. */
export function logRow(
  record: LogRecord,
  attributes: ReadonlyMap<string, string>,
  scope: string,
  sender: Sender,
  arrivalNs: bigint,
  counts: ClampCount,
): string {
  const eventNs = record.timeUnixNano === 0n ? record.observedTimeUnixNano : record.timeUnixNano;
  return line([
    unixSeconds(clampedTime(eventNs, arrivalNs, counts), 6),
    sender.service,
    sender.instance,
    // 1 to 24: https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
    Math.min(Math.max(record.severityNumber, 0), 24),
    record.severityText.slice(0, 32),
    textOf(record.body),
    hexId(record.traceId, 16),
    hexId(record.spanId, 8),
    scope,
    mapOf(attributes),
    mapOf(sender.resource),
  ]);
}
