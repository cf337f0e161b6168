import type { ClickHouseClient } from '@clickhouse/client';

/** Traffic of one operation over an edge, seen by the caller's sidecar. Latencies in microseconds. */
export interface EdgeTraffic {
  readonly caller: string;
  readonly callee: string;
  /** Operation id; `denied` for what the caller's own sidecar refused. */
  readonly operation: string;
  readonly requestsPerSecond: number;
  /** Status of 500 and above, or no answer at all. */
  readonly errorsPerSecond: number;
  /** Refused by either side's sidecar. */
  readonly deniedPerSecond: number;
  readonly p50Us: number;
  readonly p95Us: number;
  readonly p99Us: number;
}

/** One step of an edge's past. */
export interface EdgeStep {
  /** Start of the step, milliseconds since 1970. */
  readonly timeMs: number;
  readonly requests: number;
  readonly errors: number;
  readonly denied: number;
  readonly p50Us: number;
  readonly p95Us: number;
  readonly p99Us: number;
}

/** Refused requests of one kind. */
export interface Denial {
  readonly caller: string;
  readonly callee: string;
  readonly method: string;
  /** Path with numbers and ids replaced by `{id}`. */
  readonly path: string;
  readonly operation: string;
  /** Whose sidecar refused. */
  readonly reporter: 'source' | 'destination';
  readonly count: number;
  readonly lastMs: number;
  /** Envoy's response code details of the last one. */
  readonly details: string;
}

/** One service's part of a trace. */
export interface TraceSpan {
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: string;
  readonly service: string;
  readonly instance: string;
  readonly startUs: number;
  readonly durationUs: number;
  readonly status: string;
  readonly statusMessage: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** One request of a trace, as a sidecar saw it. */
export interface TraceRequest {
  readonly reporter: 'source' | 'destination';
  readonly caller: string;
  readonly callee: string;
  readonly edge: string;
  readonly operation: string;
  readonly edgeRevision: string;
  readonly authorization: 'allowed' | 'denied';
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly responseFlags: string;
  readonly responseCodeDetails: string;
  readonly startUs: number;
  readonly durationUs: number;
  readonly requestId: string;
  readonly instance: string;
}

/** Everything known of a trace, in order of time; at most 2,000 of each. */
export interface Trace {
  readonly traceId: string;
  readonly spans: readonly TraceSpan[];
  readonly requests: readonly TraceRequest[];
}

/** Exact counts of an edge. */
export interface EdgeTotal {
  readonly caller: string;
  readonly callee: string;
  readonly requests: number;
  readonly errors: number;
  readonly denied: number;
}

/** A span of time, milliseconds since 1970; `toMs` is not part of it. */
export interface TimeRange {
  readonly fromMs: number;
  readonly toMs: number;
}

const IS_ERROR = "authorization = 'allowed' AND (status >= 500 OR status = 0)";
const SKETCH = 'quantilesDD(0.01, 0.5, 0.95, 0.99)';
const MERGED_SKETCH = 'quantilesDDMerge(0.01, 0.5, 0.9, 0.95, 0.99)';
const LIVE_SECONDS_MAX = 3_600;
const STEPS_MAX = 2_000;
const ROWS_MAX = 50_000;

/**
 * Rates of the last seconds, from the raw rows. Requests are counted once, at their caller's sidecar,
 * which also sees what never arrived; a denial by the callee's sidecar counts when no caller's sidecar
 * reported the request, as one made around it.
 * @throws ClickHouseError, or the connection's error; RangeError for more than an hour
 */
export async function liveTraffic(
  client: ClickHouseClient,
  { seconds }: { readonly seconds: number },
): Promise<EdgeTraffic[]> {
  if (!(seconds > 0 && seconds <= LIVE_SECONDS_MAX)) {
    throw new RangeError(`seconds must be above 0 and at most ${LIVE_SECONDS_MAX}, not ${seconds}`);
  }
  return rows(
    client,
    `WITH now64(6) - toIntervalMillisecond({milliseconds:UInt32}) AS since
     SELECT caller, callee, operation,
       count() / {seconds:Float64} AS requestsPerSecond,
       countIf(${IS_ERROR}) / {seconds:Float64} AS errorsPerSecond,
       countIf(authorization = 'denied' OR refused_by_callee) / {seconds:Float64} AS deniedPerSecond,
       ${SKETCH}(duration_us) AS latency,
       round(latency[1]) AS p50Us, round(latency[2]) AS p95Us, round(latency[3]) AS p99Us
     FROM (
       SELECT *, reporter = 'source' AND (request_id, callee) IN (
         SELECT request_id, callee FROM dotline.access_log
         WHERE reporter = 'destination' AND authorization = 'denied' AND time >= since
           AND request_id != ''
       ) AS refused_by_callee
       FROM dotline.access_log
       WHERE time >= since AND (reporter = 'source' OR (authorization = 'denied'
         AND (request_id, callee) NOT IN (
           SELECT request_id, callee FROM dotline.access_log
           WHERE reporter = 'source' AND time >= since - INTERVAL 10 SECOND
         )))
     )
     GROUP BY caller, callee, operation
     ORDER BY caller, callee, operation
     LIMIT ${ROWS_MAX}`,
    { seconds, milliseconds: Math.round(seconds * 1000) },
  );
}

/**
 * An edge's past in steps, from the rollup that is coarse enough: minutes for steps below an hour,
 * hours above. Steps without traffic are absent.
 * @throws ClickHouseError, or the connection's error; RangeError when there would be over 2,000 steps
 */
export async function edgeHistory(
  client: ClickHouseClient,
  caller: string,
  callee: string,
  range: TimeRange,
  stepSeconds: number,
): Promise<EdgeStep[]> {
  const steps = (range.toMs - range.fromMs) / 1000 / stepSeconds;
  if (!(stepSeconds >= 60 && steps > 0 && steps <= STEPS_MAX)) {
    throw new RangeError(
      `1 to ${STEPS_MAX} steps of at least 60 s, not ${steps} of ${stepSeconds}`,
    );
  }
  const table = stepSeconds >= 3600 ? 'edge_hourly' : 'edge_minutely';
  return rows(
    client,
    `SELECT toUnixTimestamp(toStartOfInterval(time, toIntervalSecond({step:UInt32}))) * 1000 AS timeMs,
       sum(rollup.requests) AS requests, sum(rollup.errors) AS errors, sum(rollup.denied) AS denied,
       ${MERGED_SKETCH}(latency) AS quantiles,
       round(quantiles[1]) AS p50Us, round(quantiles[3]) AS p95Us, round(quantiles[4]) AS p99Us
     FROM dotline.${table} AS rollup
     WHERE reporter = 'source' AND caller = {caller:String} AND callee = {callee:String}
       AND time >= {from:DateTime('UTC')} AND time < {to:DateTime('UTC')}
     GROUP BY timeMs ORDER BY timeMs`,
    { caller, callee, step: stepSeconds, ...inSeconds(range) },
  );
}

/**
 * Refused requests since a moment, grouped, the latest first. One that both sidecars reported is
 * counted once, as the one that refused it.
 * @throws ClickHouseError, or the connection's error
 */
export async function recentDenials(
  client: ClickHouseClient,
  limit: number,
  sinceMs: number,
): Promise<Denial[]> {
  return rows(
    client,
    `SELECT caller, callee, method, operation, reporter,
       replaceRegexpAll(access_log.path, '/([0-9]+|[0-9a-fA-F-]{16,})(/|$)', '/{id}\\\\2') AS path,
       count() AS count, toUnixTimestamp64Milli(max(time)) AS lastMs,
       argMax(response_code_details, time) AS details
     FROM dotline.access_log
     WHERE authorization = 'denied' AND time >= fromUnixTimestamp64Milli({since:Int64})
     GROUP BY caller, callee, method, operation, reporter, path
     ORDER BY lastMs DESC LIMIT {limit:UInt32}`,
    { limit: Math.min(limit, ROWS_MAX), since: Math.round(sinceMs) },
  );
}

/**
 * A trace's spans and the sidecars' records of its requests.
 * @throws ClickHouseError, or the connection's error
 */
export async function trace(client: ClickHouseClient, traceId: string): Promise<Trace> {
  const parameters = { traceId };
  const [spans, requests] = await Promise.all([
    rows<TraceSpan>(
      client,
      `SELECT span_id AS spanId, parent_span_id AS parentSpanId, name, kind, service, instance,
         toUnixTimestamp64Micro(toDateTime64(time, 6)) AS startUs,
         intDiv(duration_ns, 1000) AS durationUs, status, status_message AS statusMessage, attributes
       FROM dotline.spans WHERE trace_id = {traceId:String} ORDER BY time LIMIT 2000`,
      parameters,
    ),
    rows<TraceRequest>(
      client,
      `SELECT reporter, caller, callee, edge, operation, edge_revision AS edgeRevision, authorization,
         method, path, status, response_flags AS responseFlags,
         response_code_details AS responseCodeDetails, toUnixTimestamp64Micro(time) AS startUs,
         duration_us AS durationUs, request_id AS requestId, instance
       FROM dotline.access_log WHERE trace_id = {traceId:String} ORDER BY time LIMIT 2000`,
      parameters,
    ),
  ]);
  return { traceId, spans, requests };
}

/**
 * Exact counts per edge from the callers' records, for comparison with other counters. Whole minutes:
 * the range is widened to them.
 * @throws ClickHouseError, or the connection's error
 */
export async function edgeTotals(client: ClickHouseClient, range: TimeRange): Promise<EdgeTotal[]> {
  return rows(
    client,
    `SELECT caller, callee, sum(rollup.requests) AS requests, sum(rollup.errors) AS errors,
       sum(rollup.denied) AS denied
     FROM dotline.edge_minutely AS rollup
     WHERE reporter = 'source' AND time >= toStartOfMinute({from:DateTime('UTC')})
       AND time < {to:DateTime('UTC')}
     GROUP BY caller, callee ORDER BY caller, callee`,
    inSeconds(range),
  );
}

function inSeconds({ fromMs, toMs }: TimeRange): { from: number; to: number } {
  return { from: Math.floor(fromMs / 1000), to: Math.ceil(toMs / 1000) };
}

async function rows<Row>(
  client: ClickHouseClient,
  query: string,
  query_params: Record<string, unknown>,
): Promise<Row[]> {
  const result = await client.query({
    query,
    query_params,
    format: 'JSONEachRow',
    // Counts stay far below 2^53, so that plain numbers are exact.
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return result.json<Row>();
}
