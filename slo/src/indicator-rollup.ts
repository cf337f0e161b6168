import type { ClickHouseClient } from '@clickhouse/client';

/**
 * Requests by callee and duration, counted as they are inserted, so that windows of weeks are cheap and
 * outlive the raw records. A duration is kept as the next whole millisecond, which decides every
 * threshold of whole milliseconds exactly, also one that an objective takes later. Late records are
 * counted in the minute in which they happened, whenever they arrive.
 *
 * Only what the caller's sidecar let through is counted: a denial is no event of the callee.
 */
const TABLES = [
  // Deduplication on both targets: a batch that the collector repeats after a failure counts once.
  // Merged in larger groups than by default, because each insert makes a part of a few rows.
  `CREATE TABLE IF NOT EXISTS dotline.slo_minutely (
    callee LowCardinality(String),
    time DateTime('UTC'),
    duration_ms UInt32,
    requests UInt64,
    failed UInt64
  ) ENGINE = SummingMergeTree((requests, failed))
  PARTITION BY toDate(time)
  ORDER BY (callee, time, duration_ms)
  TTL time + INTERVAL 2 DAY
  SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1,
    merge_selector_base = 16`,

  `CREATE TABLE IF NOT EXISTS dotline.slo_hourly (
    callee LowCardinality(String),
    time DateTime('UTC'),
    duration_ms UInt32,
    requests UInt64,
    failed UInt64
  ) ENGINE = SummingMergeTree((requests, failed))
  PARTITION BY toMonday(time)
  ORDER BY (callee, time, duration_ms)
  TTL time + INTERVAL 110 DAY
  SETTINGS non_replicated_deduplication_window = 1000, ttl_only_drop_parts = 1,
    merge_selector_base = 16`,

  `CREATE MATERIALIZED VIEW IF NOT EXISTS dotline.slo_hourly_view TO dotline.slo_hourly AS
  SELECT m.callee AS callee, toStartOfHour(m.time) AS time, m.duration_ms AS duration_ms,
    sum(m.requests) AS requests, sum(m.failed) AS failed
  FROM dotline.slo_minutely AS m
  GROUP BY callee, time, duration_ms`,
];

/** Created last: with it both rollups begin to count at the same moment. */
const VIEW = 'slo_minutely_view';

const HOUR_MS = 3_600_000;
/** Between asking for the view and its first count; also covers sidecars whose clocks run ahead. */
const START_MARGIN_MS = 10_000;

/**
 * Creates what is missing and answers from when on the rollup is complete, in milliseconds since the
 * epoch, always a full hour. Requests that happened before are to be counted in `access_log`.
 * @throws ClickHouseError of type UNKNOWN_TABLE while the collector has not created `access_log`
 */
export async function ensureIndicatorRollup(
  client: ClickHouseClient,
  nowMs: number,
): Promise<number> {
  const known = await completeSince(client);
  if (known !== undefined) return known;
  for (const query of TABLES) await client.command({ query });
  const sinceMs = Math.ceil((nowMs + START_MARGIN_MS) / HOUR_MS) * HOUR_MS;
  await client.command({
    query: `CREATE MATERIALIZED VIEW IF NOT EXISTS dotline.${VIEW} TO dotline.slo_minutely AS
      SELECT a.callee AS callee, toStartOfMinute(toDateTime(a.time, 'UTC')) AS time,
        toUInt32(intDiv(a.duration_us + 999, 1000)) AS duration_ms,
        count() AS requests, countIf(a.status >= 500 OR a.status = 0) AS failed
      FROM dotline.access_log AS a
      WHERE a.reporter = 'source' AND a.authorization = 'allowed'
      GROUP BY callee, time, duration_ms
      COMMENT '${sinceMs}'`,
  });
  // Another evaluator may have been first; what the view says counts.
  return (await completeSince(client)) ?? sinceMs;
}

async function completeSince(client: ClickHouseClient): Promise<number | undefined> {
  const result = await client.query({
    query: `SELECT comment FROM system.tables WHERE database = 'dotline' AND name = '${VIEW}'`,
    format: 'JSONEachRow',
  });
  const [row] = await result.json<{ comment: string }>();
  return row === undefined ? undefined : Number(row.comment);
}
