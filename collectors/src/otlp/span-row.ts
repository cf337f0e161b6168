import {
  type Span,
  Span_SpanKind as SpanKind,
  Status_StatusCode as StatusCode,
} from '../gen/opentelemetry/proto/trace/v1/trace.js';
import { attributesOf, hexId } from './attributes.js';
import { type ClampCount, clampedTime, unixSeconds } from './event-time.js';
import type { Sender } from './sender.js';
import { arrayOf, line, mapOf, tupleOf } from './tab-separated.js';

/** Columns of `spans`, in the order in which {@link spanRow} writes them. */
export const SPAN_COLUMNS = [
  'time',
  'trace_id',
  'span_id',
  'parent_span_id',
  'name',
  'kind',
  'service',
  'instance',
  'duration_ns',
  'status',
  'status_message',
  'scope',
  'attributes',
  'resource',
  'events',
  'links',
] as const;

const NAME_MAX = 256;
const EVENTS_MAX = 128;
const LINKS_MAX = 128;

const KINDS = new Map<SpanKind, string>([
  [SpanKind.SPAN_KIND_INTERNAL, 'internal'],
  [SpanKind.SPAN_KIND_SERVER, 'server'],
  [SpanKind.SPAN_KIND_CLIENT, 'client'],
  [SpanKind.SPAN_KIND_PRODUCER, 'producer'],
  [SpanKind.SPAN_KIND_CONSUMER, 'consumer'],
]);

const STATUSES = new Map<StatusCode, string>([
  [StatusCode.STATUS_CODE_OK, 'ok'],
  [StatusCode.STATUS_CODE_ERROR, 'error'],
]);

/** One line of `spans`, or `undefined` for a span without valid ids. */
export function spanRow(
  span: Span,
  scope: string,
  sender: Sender,
  arrivalNs: bigint,
  counts: ClampCount,
): string | undefined {
  const traceId = hexId(span.traceId, 16);
  const spanId = hexId(span.spanId, 8);
  if (traceId === '' || spanId === '') return undefined;
  const startNs = clampedTime(span.startTimeUnixNano, arrivalNs, counts);
  const durationNs = span.endTimeUnixNano - span.startTimeUnixNano;
  return line([
    unixSeconds(startNs, 9),
    traceId,
    spanId,
    hexId(span.parentSpanId, 8),
    span.name.slice(0, NAME_MAX),
    KINDS.get(span.kind) ?? 'unspecified',
    sender.service,
    sender.instance,
    durationNs < 0n ? 0n : durationNs,
    STATUSES.get(span.status?.code ?? StatusCode.STATUS_CODE_UNSET) ?? 'unset',
    span.status?.message ?? '',
    scope,
    mapOf(attributesOf(span.attributes)),
    mapOf(sender.resource),
    arrayOf(
      span.events
        .slice(0, EVENTS_MAX)
        .map((event) =>
          tupleOf([
            unixSeconds(clampedTime(event.timeUnixNano, arrivalNs, counts), 9),
            event.name,
            mapOf(attributesOf(event.attributes)),
          ]),
        ),
    ),
    arrayOf(
      span.links
        .slice(0, LINKS_MAX)
        .map((link) => tupleOf([hexId(link.traceId, 16), hexId(link.spanId, 8)])),
    ),
  ]);
}
