import type { ClickHouseClient } from '@clickhouse/client';
import type { HistoryPoint } from './api.js';

const STEP_SECONDS = 10;
const LENGTH_SECONDS = 30 * 60;

/** What a history is about: everything that a service received, or what one edge carried. */
export interface HistorySubject {
  readonly callee: string;
  readonly caller?: string;
}

interface Row {
  readonly second: number;
  readonly requests: number;
  readonly errors: number;
  readonly denied: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * The last 30 minutes in steps of 10 s, up to the last step that is over. Steps without traffic have
 * zeros and no latencies. A refused request has exactly one record that says so: its caller's sidecar's,
 * or when that let it through its callee's.
 * @throws ClickHouseError, or the connection's error
 */
export async function readHistory(
  client: ClickHouseClient,
  { callee, caller }: HistorySubject,
  nowMs: number,
): Promise<HistoryPoint[]> {
  const endSecond = Math.floor(nowMs / 1000 / STEP_SECONDS) * STEP_SECONDS;
  const startSecond = endSecond - LENGTH_SECONDS;
  const result = await client.query({
    query: `
      SELECT toUnixTimestamp(toStartOfInterval(time, toIntervalSecond(${STEP_SECONDS}))) AS second,
        countIf(reporter = 'source' AND authorization = 'allowed') AS requests,
        countIf(reporter = 'source' AND authorization = 'allowed' AND (status >= 500 OR status = 0)) AS errors,
        countIf(authorization = 'denied') AS denied,
        quantilesDDIf(0.01, 0.5, 0.99)(duration_us, reporter = 'source' AND authorization = 'allowed') AS q,
        q[1] / 1000 AS p50Ms, q[2] / 1000 AS p99Ms
      FROM dotline.access_log
      WHERE callee = {callee:String} ${caller === undefined ? '' : 'AND caller = {caller:String}'}
        AND time >= fromUnixTimestamp({start:Int64}) AND time < fromUnixTimestamp({end:Int64})
      GROUP BY second`,
    query_params: { callee, caller: caller ?? '', start: startSecond, end: endSecond },
    format: 'JSONEachRow',
    clickhouse_settings: {
      output_format_json_quote_64bit_integers: 0,
      output_format_json_quote_denormals: 0,
    },
  });
  const rows = new Map((await result.json<Row>()).map((row) => [row.second, row]));
  return Array.from({ length: LENGTH_SECONDS / STEP_SECONDS }, (_, index) => {
    const second = startSecond + index * STEP_SECONDS;
    return historyPoint(second * 1000, rows.get(second));
  });
}

function historyPoint(atMs: number, row: Row | undefined): HistoryPoint {
  const requests = row?.requests ?? 0;
  return {
    atMs,
    requestsPerSecond: requests / STEP_SECONDS,
    errorRate: requests > 0 ? (row?.errors ?? 0) / requests : 0,
    deniedPerSecond: (row?.denied ?? 0) / STEP_SECONDS,
    p50Ms: requests > 0 ? (row?.p50Ms ?? null) : null,
    p99Ms: requests > 0 ? (row?.p99Ms ?? null) : null,
  };
}
