import type { ClickHouseClient } from '@clickhouse/client';

/** What a staged revision would have changed for one caller and operation. Exact counts of requests. */
export interface OperationVerdicts {
  readonly caller: string;
  readonly callee: string;
  /** Operation id; `denied` for requests that are no operation of either revision. */
  readonly operation: string;
  /** All that a caller's sidecar judged, also those for which nothing would change, and others that would. */
  readonly requests: number;
  readonly wouldBeDenied: number;
  readonly wouldBeAllowed: number;
  /** Requests of which nobody could say in time what rules about single requests would decide. */
  readonly notJudged: number;
  /** Of the last judged request, milliseconds since the epoch. */
  readonly lastMs: number;
}

const ROWS_MAX = 50_000;
/** Longer than a request may take: one that began before is no request of the time after. */
const REQUEST_SECONDS_MAX = 60;

/**
 * Verdicts since a moment, one for each request, whoever reported it: it is allowed where all of them allow it,
 * and would be where all of them would. A request that its caller's sidecar denies has one report, one that
 * arrives has two, one whose operation has rules about single requests one more of the authorizer, and a retried
 * one more. Most callees say what their callers' sidecars say, so that only the reports of callees that change or
 * deny something, and those of authorizers, are joined.
 * @throws ClickHouseError, or the connection's error
 */
export async function shadowVerdicts(
  client: ClickHouseClient,
  stagedRevision: string,
  sinceMs: number,
): Promise<OperationVerdicts[]> {
  const result = await client.query({
    query: `
      WITH fromUnixTimestamp64Milli({since:Int64}) AS since,
      at_callee AS (
        SELECT caller, callee, request_id, min(time) AS at, any(operation) AS operation,
          max(live = 'denied') AS denied, max(staged = 'denied') AS would_be_denied,
          max(staged = 'unknown') AS is_unknown
        FROM dotline.shadow_verdicts
        WHERE staged_revision = {staged:String} AND time >= since AND request_id != ''
          AND (reporter = 'authorizer'
            OR reporter = 'destination' AND (live = 'denied' OR staged = 'denied'))
        GROUP BY caller, callee, request_id
      )
      SELECT caller, callee, operation, count() AS requests,
        countIf(NOT denied AND would_be_denied) AS wouldBeDenied,
        countIf(denied AND NOT would_be_denied AND NOT is_unknown) AS wouldBeAllowed,
        countIf(is_unknown AND NOT would_be_denied) AS notJudged,
        toUnixTimestamp64Milli(max(at)) AS lastMs
      FROM (
        SELECT source.caller AS caller, source.callee AS callee, source.operation AS operation,
          source.time AS at,
          source.live = 'denied' OR at_callee.denied AS denied,
          source.staged = 'denied' OR at_callee.would_be_denied AS would_be_denied,
          at_callee.is_unknown AS is_unknown
        FROM dotline.shadow_verdicts AS source
        LEFT JOIN at_callee ON at_callee.request_id = source.request_id
          AND at_callee.caller = source.caller AND at_callee.callee = source.callee
        WHERE source.staged_revision = {staged:String} AND source.reporter = 'source'
          AND source.time >= since
        UNION ALL
        SELECT caller, callee, operation, at, denied, would_be_denied, is_unknown
        FROM at_callee
        WHERE (caller, callee, request_id) NOT IN (
          SELECT caller, callee, request_id FROM dotline.shadow_verdicts
          WHERE staged_revision = {staged:String} AND reporter = 'source'
            AND time >= since - INTERVAL ${REQUEST_SECONDS_MAX} SECOND
            AND request_id IN (SELECT request_id FROM at_callee)
        )
      )
      GROUP BY caller, callee, operation
      ORDER BY wouldBeDenied DESC, wouldBeAllowed DESC, caller, callee, operation
      LIMIT ${ROWS_MAX}`,
    query_params: { staged: stagedRevision, since: Math.round(sinceMs) },
    format: 'JSONEachRow',
    // Counts stay far below 2^53, so that plain numbers are exact.
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return result.json<OperationVerdicts>();
}
