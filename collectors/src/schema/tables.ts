/**
 * The ClickHouse schema as statements. Every statement may run again at any time.
 *
 * Reasons that hold for all tables:
 * - A retried insert is recognised by its token only where `non_replicated_deduplication_window` is
 *   set, on the table and on the target of each materialized view; otherwise the raw rows count once
 *   and the rollups twice. The window holds the tokens of {@link DEDUPLICATED_INSERTS} inserts, far
 *   more than there are in the minutes in which somebody retries.
 * - Names repeat (services, operations, codes), so they are LowCardinality: a dictionary per part.
 * - Trace, span and request ids are random hexadecimal text: ZSTD stores them in half their length,
 *   as a binary column would, and nobody has to convert them.
 * - Every few seconds a small part comes. Merged sixteen instead of five at a time, a row is rewritten
 *   a third as often, which is most of what an idle mesh costs ClickHouse.
 * - Raw rows go by whole days (`ttl_only_drop_parts`), which costs nothing; rewriting parts would.
 */

/** Inserts whose tokens a table remembers. */
export const DEDUPLICATED_INSERTS = 10_000;

const WINDOW = `non_replicated_deduplication_window = ${DEDUPLICATED_INSERTS}, merge_selector_base = 16`;
const RAW_SETTINGS = `SETTINGS ${WINDOW}, ttl_only_drop_parts = 1`;
const RAW_DAYS = 7;
const MINUTELY_DAYS = 60;
const HOURLY_DAYS = 400;

/** Relative error of the latency sketches, and the quantiles they are made to answer. */
export const LATENCY_SKETCH = 'quantilesDD(0.01, 0.5, 0.9, 0.95, 0.99)';

/**
 * One row per request and reporter. The order keeps an edge's rows of a minute together, which is how
 * they are read and what compresses best; the index by time serves the live view, which reads the last
 * seconds of every edge.
 */
const ACCESS_LOG = `
CREATE TABLE IF NOT EXISTS dotline.access_log (
  time DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  reporter Enum8('source' = 1, 'destination' = 2),
  caller LowCardinality(String),
  callee LowCardinality(String),
  edge LowCardinality(String),
  operation LowCardinality(String),
  edge_revision LowCardinality(String),
  authorization Enum8('allowed' = 1, 'denied' = 2),
  method LowCardinality(String),
  path String CODEC(ZSTD(3)),
  status UInt16 CODEC(T64, ZSTD(1)),
  response_flags LowCardinality(String),
  response_code_details LowCardinality(String),
  duration_us UInt32 CODEC(T64, ZSTD(1)),
  request_bytes UInt32 CODEC(T64, ZSTD(1)),
  response_bytes UInt32 CODEC(T64, ZSTD(1)),
  trace_id String CODEC(ZSTD(1)),
  request_id String CODEC(ZSTD(1)),
  instance LowCardinality(String),
  cell LowCardinality(String),
  zone LowCardinality(String),
  peer_address String CODEC(ZSTD(1)),
  INDEX by_time time TYPE minmax GRANULARITY 1,
  INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (callee, caller, toStartOfMinute(time), time)
TTL toDateTime(time) + INTERVAL ${RAW_DAYS} DAY DELETE
${RAW_SETTINGS}`;

/** Merging adds counters and merges sketches, so that readers sum over what is not merged yet. */
const rollup = (name: string, partition: string, days: number) => `
CREATE TABLE IF NOT EXISTS dotline.${name} (
  time DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
  reporter Enum8('source' = 1, 'destination' = 2),
  caller LowCardinality(String),
  callee LowCardinality(String),
  operation LowCardinality(String),
  authorization Enum8('allowed' = 1, 'denied' = 2),
  requests SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  errors SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  denied SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  duration_us_sum SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  request_bytes SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  response_bytes SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
  latency AggregateFunction(${LATENCY_SKETCH}, UInt32) CODEC(ZSTD(3))
) ENGINE = AggregatingMergeTree
PARTITION BY ${partition}
ORDER BY (callee, caller, operation, reporter, authorization, time)
TTL time + INTERVAL ${days} DAY DELETE
SETTINGS ${WINDOW}`;

/** Status 0: the caller went away, or no answer came. A denial is never the callee's error. */
const rollupView = (name: string, start: string) => `
CREATE MATERIALIZED VIEW IF NOT EXISTS dotline.${name}_from_access_log TO dotline.${name} AS
SELECT
  toDateTime(${start}(log.time), 'UTC') AS time, reporter, caller, callee, operation, authorization,
  count() AS requests,
  countIf(authorization = 'allowed' AND (status >= 500 OR status = 0)) AS errors,
  countIf(authorization = 'denied') AS denied,
  sum(toUInt64(log.duration_us)) AS duration_us_sum,
  sum(toUInt64(log.request_bytes)) AS request_bytes,
  sum(toUInt64(log.response_bytes)) AS response_bytes,
  ${LATENCY_SKETCH.replace('(', 'State(')}(log.duration_us) AS latency
FROM dotline.access_log AS log
GROUP BY time, reporter, caller, callee, operation, authorization`;

const rollupTotals = (name: string) => `
CREATE OR REPLACE VIEW dotline.${name}_totals AS
SELECT
  time, reporter, caller, callee, operation, authorization,
  sum(rollup.requests) AS requests, sum(rollup.errors) AS errors, sum(rollup.denied) AS denied,
  sum(rollup.duration_us_sum) AS duration_us_sum,
  sum(rollup.request_bytes) AS request_bytes, sum(rollup.response_bytes) AS response_bytes,
  ${LATENCY_SKETCH.replace('(', 'MergeState(')}(rollup.latency) AS latency
FROM dotline.${name} AS rollup
GROUP BY time, reporter, caller, callee, operation, authorization`;

const ATTRIBUTES = 'Map(LowCardinality(String), String) CODEC(ZSTD(1))';

const SPANS = `
CREATE TABLE IF NOT EXISTS dotline.spans (
  time DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  trace_id String CODEC(ZSTD(1)),
  span_id String CODEC(ZSTD(1)),
  parent_span_id String CODEC(ZSTD(1)),
  name LowCardinality(String),
  kind LowCardinality(String),
  service LowCardinality(String),
  instance LowCardinality(String),
  duration_ns UInt64 CODEC(T64, ZSTD(1)),
  status LowCardinality(String),
  status_message String CODEC(ZSTD(1)),
  scope LowCardinality(String),
  attributes ${ATTRIBUTES},
  resource ${ATTRIBUTES},
  events Array(Tuple(time DateTime64(9, 'UTC'), name String, attributes Map(String, String))) CODEC(ZSTD(1)),
  links Array(Tuple(trace_id String, span_id String)) CODEC(ZSTD(1)),
  INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (service, name, toStartOfMinute(time), time)
TTL toDateTime(time) + INTERVAL ${RAW_DAYS} DAY DELETE
${RAW_SETTINGS}`;

/**
 * Every kind of point in one table. Histograms keep their buckets: \`bucket_counts[i]\` counts values up
 * to \`bounds[i]\`, the last one everything above; summaries keep quantiles in \`bounds\` and their
 * values in \`quantile_values\`.
 */
const METRIC_POINTS = `
CREATE TABLE IF NOT EXISTS dotline.metric_points (
  time DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  start_time DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  service LowCardinality(String),
  instance LowCardinality(String),
  name LowCardinality(String),
  kind Enum8('gauge' = 1, 'sum' = 2, 'histogram' = 3, 'exponential_histogram' = 4, 'summary' = 5),
  temporality Enum8('unspecified' = 0, 'delta' = 1, 'cumulative' = 2),
  monotonic Bool,
  unit LowCardinality(String),
  value Float64 CODEC(Gorilla, ZSTD(1)),
  count UInt64 CODEC(T64, ZSTD(1)),
  sum Float64 CODEC(Gorilla, ZSTD(1)),
  bounds Array(Float64) CODEC(ZSTD(1)),
  bucket_counts Array(UInt64) CODEC(ZSTD(1)),
  quantile_values Array(Float64) CODEC(ZSTD(1)),
  attributes ${ATTRIBUTES}
) ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (name, service, instance, toStartOfMinute(time), time)
TTL toDateTime(time) + INTERVAL ${RAW_DAYS} DAY DELETE
${RAW_SETTINGS}`;

const LOGS = `
CREATE TABLE IF NOT EXISTS dotline.logs (
  time DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  service LowCardinality(String),
  instance LowCardinality(String),
  severity UInt8 CODEC(T64, ZSTD(1)),
  severity_text LowCardinality(String),
  body String CODEC(ZSTD(3)),
  trace_id String CODEC(ZSTD(1)),
  span_id String CODEC(ZSTD(1)),
  scope LowCardinality(String),
  attributes ${ATTRIBUTES},
  resource ${ATTRIBUTES},
  INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (service, toStartOfMinute(time), time)
TTL toDateTime(time) + INTERVAL ${RAW_DAYS} DAY DELETE
${RAW_SETTINGS}`;

/**
 * What sidecars said about requests while a revision was staged, one row per request and reporter. Rows
 * of one request share its id: whoever counts requests joins them (`shadowVerdicts`).
 */
const SHADOW_VERDICTS = `
CREATE TABLE IF NOT EXISTS dotline.shadow_verdicts (
  time DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  reporter Enum8('source' = 1, 'destination' = 2),
  staged_revision LowCardinality(String),
  caller LowCardinality(String),
  callee LowCardinality(String),
  operation LowCardinality(String),
  live Enum8('allowed' = 1, 'denied' = 2),
  staged Enum8('allowed' = 1, 'denied' = 2),
  request_id String CODEC(ZSTD(1)),
  instance LowCardinality(String)
) ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (staged_revision, callee, caller, toStartOfMinute(time), time)
TTL toDateTime(time) + INTERVAL ${RAW_DAYS} DAY DELETE
${RAW_SETTINGS}`;

/** Decisions about single requests, as authorizers tell them; kept as long as what they explain. */
const REQUEST_DECISIONS = `
CREATE TABLE IF NOT EXISTS dotline.request_decisions (
  time DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
  outcome Enum8('allowed' = 1, 'refused' = 2, 'undecided' = 3),
  reason LowCardinality(String),
  team LowCardinality(String),
  rule LowCardinality(String),
  caller LowCardinality(String),
  callee LowCardinality(String),
  operation LowCardinality(String),
  policy LowCardinality(String),
  revision LowCardinality(String),
  latency_us UInt32 CODEC(T64, ZSTD(1)),
  trace_id String CODEC(ZSTD(1)),
  INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (team, operation, toStartOfMinute(time), time)
TTL toDateTime(time) + INTERVAL ${RAW_DAYS} DAY DELETE
${RAW_SETTINGS}`;

/** What a sidecar does with a request that nobody could decide; unknown in rows of before. */
const REQUEST_DECISION_FAIL = `
ALTER TABLE dotline.request_decisions
  ADD COLUMN IF NOT EXISTS fail LowCardinality(String) AFTER outcome`;

/** Authorizers judge by rules about single requests, and may not come to it. */
const AUTHORIZERS_VERDICTS = `
ALTER TABLE dotline.shadow_verdicts
  MODIFY COLUMN reporter Enum8('source' = 1, 'destination' = 2, 'authorizer' = 3),
  MODIFY COLUMN staged Enum8('allowed' = 1, 'denied' = 2, 'unknown' = 3)`;

/** In order; each leaves a schema that older and newer collectors can write to. */
export const STATEMENTS: readonly string[] = [
  'CREATE DATABASE IF NOT EXISTS dotline',
  ACCESS_LOG,
  rollup('edge_minutely', 'toDate(time)', MINUTELY_DAYS),
  rollup('edge_hourly', 'toYYYYMM(time)', HOURLY_DAYS),
  rollupView('edge_minutely', 'toStartOfMinute'),
  rollupView('edge_hourly', 'toStartOfHour'),
  rollupTotals('edge_minutely'),
  rollupTotals('edge_hourly'),
  SPANS,
  METRIC_POINTS,
  LOGS,
  REQUEST_DECISIONS,
  REQUEST_DECISION_FAIL,
  SHADOW_VERDICTS,
  AUTHORIZERS_VERDICTS,
];
