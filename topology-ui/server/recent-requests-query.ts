import type { ClickHouseClient } from '@clickhouse/client';
import type { EdgeDetail } from './api.js';

const REQUESTS_MAX = 50;
const WITHIN_MINUTES = 30;

/**
 * The latest requests over an edge, newest first, as the caller's sidecar saw them.
 * @throws ClickHouseError, or the connection's error
 */
export async function readRecentRequests(
  client: ClickHouseClient,
  caller: string,
  callee: string,
): Promise<EdgeDetail['recent']> {
  const result = await client.query({
    query: `
      SELECT toUnixTimestamp64Milli(access_log.time) AS atMs, operation, method, path, status,
        duration_us / 1000 AS durationMs, response_flags AS responseFlags, trace_id AS traceId
      FROM dotline.access_log
      WHERE callee = {callee:String} AND caller = {caller:String} AND reporter = 'source'
        AND time >= now64(6) - toIntervalMinute(${WITHIN_MINUTES})
      ORDER BY time DESC LIMIT ${REQUESTS_MAX}`,
    query_params: { caller, callee },
    format: 'JSONEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return result.json<EdgeDetail['recent'][number]>();
}
