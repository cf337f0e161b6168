import type { TraceView } from '@dotline/topology-ui/api';

type Span = TraceView['spans'][number];

export interface WaterfallRow {
  readonly span: Span;
  readonly depth: number;
  /** Share of the trace's length before the span begins, 0 to 1. */
  readonly offset: number;
  /** Share of the trace's length, 0 to 1. */
  readonly length: number;
}

export interface Waterfall {
  readonly rows: readonly WaterfallRow[];
  readonly startMs: number;
  readonly durationMs: number;
}

/** Rows beyond this many are left out; the view says how many. */
export const waterfallRowsMax = 500;

/**
 * Spans as a tree in order of start. A span whose parent is missing stands at the top; a cycle of
 * parents (which no sane tracer writes) is entered once.
 */
export function waterfall(spans: readonly Span[]): Waterfall {
  const startMs = Math.min(...spans.map((span) => span.startMs));
  const endMs = Math.max(...spans.map((span) => span.startMs + span.durationMs));
  const durationMs = spans.length === 0 ? 0 : Math.max(0.001, endMs - startMs);
  const ids = new Set(spans.map((span) => span.spanId));
  const children = new Map<string, Span[]>();
  for (const span of [...spans].sort((a, b) => a.startMs - b.startMs)) {
    const parent = ids.has(span.parentSpanId) ? span.parentSpanId : '';
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const rows: WaterfallRow[] = [];
  const seen = new Set<string>();
  const visit = (span: Span, depth: number) => {
    if (seen.has(span.spanId) || rows.length >= waterfallRowsMax) return;
    seen.add(span.spanId);
    rows.push({
      span,
      depth,
      offset: (span.startMs - startMs) / durationMs,
      length: span.durationMs / durationMs,
    });
    for (const child of children.get(span.spanId) ?? []) visit(child, depth + 1);
  };
  for (const root of children.get('') ?? []) visit(root, 0);
  for (const span of spans) visit(span, 0);
  return { rows, startMs: spans.length === 0 ? 0 : startMs, durationMs };
}
