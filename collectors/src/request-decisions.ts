import type { ClickHouseClient } from '@clickhouse/client';

/** One decision about a single request; nothing of the request's or its token's content. */
export interface RequestDecision {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly outcome: 'allowed' | 'refused' | 'undecided';
  /** The title of the rule that allowed it, else why not. */
  readonly reason: string;
  /** Empty when no policy was there to decide. */
  readonly team: string;
  /** `file:line` of the rule that allowed it, else of the one that has it decided. */
  readonly rule: string;
  readonly caller: string;
  readonly callee: string;
  readonly operation: string;
  /** Content hash of the policy. */
  readonly policy: string;
  /** The revision in which the policy took its form. */
  readonly revision: string;
  readonly latencyUs: number;
  /** Empty when the request belongs to no trace. */
  readonly traceId: string;
}

/** Which decisions; what is left out does not matter. */
export interface DecisionFilter {
  readonly team?: string;
  readonly operation?: string;
  readonly outcome?: RequestDecision['outcome'];
  /** Of the newest at most so many. */
  readonly limit: number;
}

const HOURS = 24;

/**
 * The newest decisions of the last day, newest first.
 * @throws ClickHouseError, or the connection's error
 */
export async function requestDecisions(
  client: ClickHouseClient,
  { team = '', operation = '', outcome, limit }: DecisionFilter,
): Promise<RequestDecision[]> {
  const result = await client.query({
    query: `
      SELECT toUnixTimestamp64Milli(time) AS atMs, toString(outcome) AS outcome, reason, team, rule,
        caller, callee, operation, policy, revision, latency_us AS latencyUs, trace_id AS traceId
      FROM dotline.request_decisions AS decision
      WHERE decision.time > now() - INTERVAL ${HOURS} HOUR
        AND ({team:String} = '' OR decision.team = {team:String})
        AND ({operation:String} = '' OR decision.operation = {operation:String})
        AND ({outcome:String} = '' OR toString(decision.outcome) = {outcome:String})
      ORDER BY decision.time DESC
      LIMIT {limit:UInt32}`,
    query_params: { team, operation, outcome: outcome ?? '', limit },
    format: 'JSONEachRow',
    // Milliseconds stay far below 2^53, so that plain numbers are exact.
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return result.json<RequestDecision>();
}
