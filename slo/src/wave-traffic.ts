import type { ClickHouseClient } from '@clickhouse/client';

/** Requests between two services, as some sidecars of one of them saw them. */
export interface EdgeCounts {
  readonly reporter: 'source' | 'destination';
  readonly caller: string;
  readonly callee: string;
  /** All, the denied ones too. */
  readonly attempts: number;
  readonly denied: number;
  /** Let through, and answered with 500 or above, or not at all. */
  readonly failed: number;
}

/** Records of a request arrive so long after those of others that happened with it. */
const STRAGGLERS_MS = 3_000;
/** In a mesh without traffic nobody tells how late records are; this is how late they may be. */
const LATE_MS_MAX = 8_000;
const TIMEOUT_SECONDS = 5;
const EDGES_MAX = 50_000;

/**
 * What the sidecars of some instances saw in a span of time, milliseconds since the epoch, the end not
 * part of it. From the raw records: rollups do not know instances.
 * @throws ClickHouseError, or the connection's error
 */
export async function waveTraffic(
  client: ClickHouseClient,
  instances: readonly string[],
  range: { readonly fromMs: number; readonly toMs: number },
): Promise<EdgeCounts[]> {
  const result = await client.query({
    query: `
      SELECT reporter, caller, callee, count() AS attempts, countIf(authorization = 'denied') AS denied,
        countIf(authorization = 'allowed' AND (status >= 500 OR status = 0)) AS failed
      FROM dotline.access_log
      WHERE time >= fromUnixTimestamp64Milli({from:Int64}) AND time < fromUnixTimestamp64Milli({to:Int64})
        AND instance IN {instances:Array(String)}
      GROUP BY reporter, caller, callee
      LIMIT ${EDGES_MAX}`,
    query_params: { from: range.fromMs, to: range.toMs, instances },
    format: 'JSONEachRow',
    clickhouse_settings: {
      output_format_json_quote_64bit_integers: 0,
      max_execution_time: TIMEOUT_SECONDS,
    },
  });
  return result.json<EdgeCounts>();
}

/**
 * Up to when the records of all sidecars have arrived, by the latest of them.
 * @throws ClickHouseError, or the connection's error
 */
export async function recordsUntilMs(client: ClickHouseClient, nowMs: number): Promise<number> {
  const result = await client.query({
    query: `
      SELECT toUnixTimestamp64Milli(max(time)) AS latest FROM dotline.access_log
      WHERE time >= fromUnixTimestamp64Milli({from:Int64}) AND time <= fromUnixTimestamp64Milli({to:Int64})`,
    query_params: { from: nowMs - 2 * LATE_MS_MAX, to: nowMs },
    format: 'JSONEachRow',
    clickhouse_settings: {
      output_format_json_quote_64bit_integers: 0,
      max_execution_time: TIMEOUT_SECONDS,
    },
  });
  const [row] = await result.json<{ latest: number }>();
  return Math.max((row?.latest ?? 0) - STRAGGLERS_MS, nowMs - LATE_MS_MAX);
}
