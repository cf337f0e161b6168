import type { ClickHouseClient } from '@clickhouse/client';

/** Requests of one caller for one operation that its sidecar let through. */
export interface AllowedRequests {
  readonly caller: string;
  readonly callee: string;
  readonly operation: string;
  readonly requests: number;
}

/** What was let through since a moment. */
export interface AllowedTraffic {
  /** Milliseconds since the epoch: the hour of the first record in the range, or its end without any. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Sorted by caller, callee and operation; all there are. */
  readonly operations: readonly AllowedRequests[];
}

const ROWS_MAX = 200_000;
const DAY_MS = 86_400_000;

interface Row extends AllowedRequests {
  readonly since: number;
}

/**
 * Exact counts of the last days, in whole hours, each request counted once, at its caller's sidecar.
 * @throws ClickHouseError, or the connection's error; RangeError when there are too many to tell
 */
export async function allowedTraffic(
  client: ClickHouseClient,
  days: number,
  nowMs: number,
): Promise<AllowedTraffic> {
  const fromMs = nowMs - days * DAY_MS;
  const result = await client.query({
    query: `
      SELECT caller, callee, operation, sum(rollup.requests) AS requests,
        toUnixTimestamp(min(time)) AS since
      FROM dotline.edge_hourly AS rollup
      WHERE reporter = 'source' AND authorization = 'allowed'
        AND time >= toStartOfHour(fromUnixTimestamp({from:Int64}))
      GROUP BY caller, callee, operation
      ORDER BY caller, callee, operation
      LIMIT ${ROWS_MAX + 1}`,
    query_params: { from: Math.floor(fromMs / 1000) },
    format: 'JSONEachRow',
    // Counts stay far below 2^53, so that plain numbers are exact.
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  const rows = await result.json<Row>();
  // A part of them would make a change look safe that is not.
  if (rows.length > ROWS_MAX) {
    throw new RangeError(`more than ${ROWS_MAX} pairs of caller and operation had traffic`);
  }
  const first = rows.reduce((least, { since }) => Math.min(least, since * 1000), nowMs);
  return {
    sinceMs: Math.max(first, fromMs),
    untilMs: nowMs,
    operations: rows.map(({ since: _since, ...requests }) => requests),
  };
}
