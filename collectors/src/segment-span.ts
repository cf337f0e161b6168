import { tracer } from '@dotline/platform-process/span';
import type { Segment } from './spool/segment.js';

/**
 * One span per segment, not per request. Segments of nothing but spans have none: where the collector
 * exports to itself each would bring about the next.
 */
export function traceSegment(segment: Segment, seconds: number): void {
  if (segment.tables.every(({ table }) => table === 'spans')) return;
  const endMs = Date.now();
  tracer
    .startSpan('store segment', {
      startTime: endMs - seconds * 1000,
      attributes: {
        'dotline.segment': segment.id,
        'dotline.requests': segment.requests.length,
        ...Object.fromEntries(
          segment.tables.map(({ table, rows }) => [`dotline.rows.${table}`, rows]),
        ),
      },
    })
    .end(endMs);
}
