import type { ClickHouseClient } from '@clickhouse/client';

/** Requests of one caller that policy refused, of one method and one path. */
export interface DeniedAttempts {
  readonly caller: string;
  readonly callee: string;
  readonly method: string;
  /** As it was asked for, without its query. */
  readonly path: string;
  readonly requests: number;
  /** Milliseconds since the epoch. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** What was refused since a moment. */
export interface DeniedWindow {
  /** Milliseconds since the epoch. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** Whether these are all: otherwise rarer ones are missing. */
  readonly complete: boolean;
  /** The most frequent first. */
  readonly attempts: readonly DeniedAttempts[];
}

/** Single requests are kept so long. */
const DAYS_MAX = 7;
const ATTEMPTS_MAX = 50_000;
const DAY_MS = 86_400_000;

/**
 * Refused requests of the last days, at most seven, from the single records. One that both sidecars refused is
 * counted once.
 * @throws ClickHouseError, or the connection's error
 */
export async function deniedAttempts(
  client: ClickHouseClient,
  days: number,
  nowMs: number,
): Promise<DeniedWindow> {
  const fromMs = nowMs - Math.min(days, DAYS_MAX) * DAY_MS;
  const result = await client.query({
    query: `
      WITH fromUnixTimestamp64Milli({from:Int64}) AS since
      SELECT caller, callee, method, path, count() AS requests,
        toUnixTimestamp64Milli(min(time)) AS firstMs, toUnixTimestamp64Milli(max(time)) AS lastMs
      FROM dotline.access_log
      WHERE authorization = 'denied' AND time >= since
        -- Of these the edge is there: rules about single requests refused them.
        AND NOT match(response_code_details, '^(ext_authz_denied|jwt_authn_access_denied)')
        AND (reporter = 'source' OR request_id = '' OR (request_id, callee) NOT IN (
          SELECT request_id, callee FROM dotline.access_log
          WHERE reporter = 'source' AND authorization = 'denied' AND time >= since
        ))
      GROUP BY caller, callee, method, path
      ORDER BY requests DESC, caller, callee, method, path
      LIMIT ${ATTEMPTS_MAX + 1}`,
    query_params: { from: Math.round(fromMs) },
    format: 'JSONEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  const attempts = await result.json<DeniedAttempts>();
  return {
    fromMs,
    untilMs: nowMs,
    complete: attempts.length <= ATTEMPTS_MAX,
    attempts: attempts.slice(0, ATTEMPTS_MAX),
  };
}
