import type { HistoryPoint } from '@dotline/topology-ui/api';

/** Columns as the chart library wants them: seconds, then one column for each series. */
export interface HistorySeries {
  readonly seconds: readonly number[];
  readonly requests: readonly number[];
  /** Failed requests per second. */
  readonly errors: readonly number[];
  readonly denied: readonly number[];
  readonly p50: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
}

/** Turns points into columns, oldest first. */
export function historySeries(history: readonly HistoryPoint[]): HistorySeries {
  const points = [...history].sort((a, b) => a.atMs - b.atMs);
  return {
    seconds: points.map((point) => point.atMs / 1000),
    requests: points.map((point) => point.requestsPerSecond),
    errors: points.map((point) => point.requestsPerSecond * point.errorRate),
    denied: points.map((point) => point.deniedPerSecond),
    p50: points.map((point) => point.p50Ms),
    p99: points.map((point) => point.p99Ms),
  };
}
