import type { RunningClickHouse } from './running-clickhouse.js';

/** How often requests of a caller are counted in the raw table and in both rollups. */
export interface Counts {
  readonly raw: number;
  readonly minutely: number;
  readonly hourly: number;
}

/** Counts of one caller's requests. */
export function countsOf(clickhouse: RunningClickHouse, caller: string): Promise<Counts> {
  return clickhouse.row<Counts>(`
    SELECT
      (SELECT count() FROM dotline.access_log WHERE caller = '${caller}') AS raw,
      (SELECT sum(requests) FROM dotline.edge_minutely WHERE caller = '${caller}') AS minutely,
      (SELECT sum(requests) FROM dotline.edge_hourly WHERE caller = '${caller}') AS hourly`);
}

/** The counts when every request is counted once everywhere. */
export function counted(requests: number): Counts {
  return { raw: requests, minutely: requests, hourly: requests };
}
