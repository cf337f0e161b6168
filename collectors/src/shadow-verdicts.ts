import type { ClickHouseClient } from '@clickhouse/client';

/** What a staged revision would have changed for one caller and operation. Exact counts of requests. */
export interface OperationVerdicts {
  readonly caller: string;
  readonly callee: string;
  /** Operation id; `denied` for requests that are no operation of either revision. */
  readonly operation: string;
  /** All that were judged, also those for which nothing would change. */
  readonly requests: number;
  readonly wouldBeDenied: number;
  readonly wouldBeAllowed: number;
  /** Of the last judged request, milliseconds since the epoch. */
  readonly lastMs: number;
}

const ROWS_MAX = 50_000;
/** Longer than a request may take, so that both of its records are read or none counts. */
const REQUEST_SECONDS_MAX = 60;

/**
 * Verdicts since a moment, one for each request, whichever sidecars reported it: it is allowed where all
 * of them allow it, and would be where all of them would. A request that its caller's sidecar denies has
 * one report, one that arrives has two, and a retried one more.
 * @throws ClickHouseError, or the connection's error
 */
export async function shadowVerdicts(
  client: ClickHouseClient,
  stagedRevision: string,
  sinceMs: number,
): Promise<OperationVerdicts[]> {
  const result = await client.query({
    query: `
      SELECT caller, callee, operation, count() AS requests,
        countIf(NOT denied AND would_be_denied) AS wouldBeDenied,
        countIf(denied AND NOT would_be_denied) AS wouldBeAllowed,
        toUnixTimestamp64Milli(max(at)) AS lastMs
      FROM (
        SELECT verdict.caller AS caller, verdict.callee AS callee, min(verdict.time) AS at,
          if(request_id = '', concat(instance, toString(verdict.time)), request_id) AS request,
          min((verdict.operation = 'denied', verdict.operation)).2 AS operation,
          max(verdict.live = 'denied') AS denied, max(verdict.staged = 'denied') AS would_be_denied
        FROM dotline.shadow_verdicts AS verdict
        WHERE staged_revision = {staged:String}
          AND verdict.time >= fromUnixTimestamp64Milli({since:Int64}) - INTERVAL ${REQUEST_SECONDS_MAX} SECOND
        GROUP BY caller, callee, request
        HAVING at >= fromUnixTimestamp64Milli({since:Int64})
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
