import type { LineFigures } from '../live/store.js';
import { formatCount, formatMs, formatRate, formatShare } from '../view-model/format.js';
import type { Line } from '../view-model/graph-elements.js';

/** The figure that a line carries. */
export function lineText(line: Line, figures: LineFigures): string {
  const { traffic } = line;
  if (line.label !== undefined) return line.label;
  if (line.kind === 'denied') return `denied ×${formatCount(line.deniedCount)}`;
  if (line.state === 'idle') return 'idle';
  const errors = `${formatShare(traffic.errorRate)} errors`;
  switch (figures) {
    case 'rate':
      return formatRate(traffic.requestsPerSecond);
    case 'errors':
      return errors;
    case 'latency':
      return `p95 ${formatMs(traffic.p95Ms)}`;
    case 'looked':
      return `${formatRate(traffic.requestsPerSecond)}${traffic.errorRate > 0 ? ` · ${errors}` : ''}`;
  }
}
