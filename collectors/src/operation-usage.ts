import type { ClickHouseClient } from '@clickhouse/client';

/** How much one caller used one operation. */
export interface OperationUsage {
  readonly caller: string;
  readonly callee: string;
  readonly operation: string;
  /** Let through in the window. */
  readonly requests: number;
  /** Start of the last hour with a request, in the window or before it; milliseconds since the epoch. */
  readonly lastSeenMs: number;
}

/** What was used in a window of time, and how much is known of it. */
export interface UsageWindow {
  /** Start of the window, a whole hour; milliseconds since the epoch. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** The first hour with any record, of whatever kind; `null` without records. */
  readonly historySinceMs: number | null;
  /** Hours of the window with any record. */
  readonly hoursRecorded: number;
  /** Every operation that was ever used, sorted by caller, callee and operation; all there are. */
  readonly operations: readonly OperationUsage[];
}

const ROWS_MAX = 200_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Exact counts of the last days in whole hours, each request counted once, at its caller's sidecar.
 * @throws ClickHouseError, or the connection's error; RangeError when there are too many to tell
 */
export async function operationUsage(
  client: ClickHouseClient,
  days: number,
  nowMs: number,
): Promise<UsageWindow> {
  const fromMs = Math.floor((nowMs - days * DAY_MS) / HOUR_MS) * HOUR_MS;
  const read = async <Row>(query: string): Promise<Row[]> => {
    const result = await client.query({
      query,
      query_params: { from: fromMs / 1000 },
      format: 'JSONEachRow',
      // Counts stay far below 2^53, so that plain numbers are exact.
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    });
    return result.json<Row>();
  };
  const [operations, [known]] = await Promise.all([
    read<OperationUsage>(`
      SELECT caller, callee, operation,
        sumIf(rollup.requests, time >= fromUnixTimestamp({from:Int64})) AS requests,
        toUnixTimestamp(max(time)) * 1000 AS lastSeenMs
      FROM dotline.edge_hourly AS rollup
      WHERE reporter = 'source' AND authorization = 'allowed'
      GROUP BY caller, callee, operation
      ORDER BY caller, callee, operation
      LIMIT ${ROWS_MAX + 1}`),
    read<{ rows: number; since: number; hours: number }>(`
      SELECT count() AS rows, toUnixTimestamp(min(time)) * 1000 AS since,
        uniqExactIf(time, time >= fromUnixTimestamp({from:Int64})) AS hours
      FROM dotline.edge_hourly`),
  ]);
  // A part of them would make what is used look unused.
  if (operations.length > ROWS_MAX) {
    throw new RangeError(`more than ${ROWS_MAX} pairs of caller and operation had traffic`);
  }
  const { rows = 0, since = 0, hours = 0 } = known ?? {};
  return {
    fromMs,
    untilMs: nowMs,
    historySinceMs: rows === 0 ? null : since,
    hoursRecorded: hours,
    operations,
  };
}
