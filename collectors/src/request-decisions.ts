import type { ClickHouseClient } from '@clickhouse/client';

/** One decision about a single request; nothing of the request's or its token's content. */
export interface RequestDecision {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly outcome: 'allowed' | 'refused' | 'undecided';
  /** What the sidecar does with a request that nobody could decide; empty where it is not known. */
  readonly fail: 'closed' | 'open' | '';
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

/** About which requests; what is left out does not matter. */
export interface DecidedRequests {
  readonly team?: string;
  readonly caller?: string;
  readonly callee?: string;
  readonly operation?: string;
}

/** Which decisions; what is left out does not matter. */
export interface DecisionFilter extends DecidedRequests {
  readonly outcome?: RequestDecision['outcome'];
  /** Of the newest at most so many. */
  readonly limit: number;
}

/** How the requests for one operation ended. Exact counts. */
export interface DecisionOutcomes {
  readonly allowed: number;
  readonly refused: number;
  /** Nobody could say; `fail` of the operation's rule says what became of them. */
  readonly undecided: number;
}

/** The decisions about one operation lately. */
export interface OperationDecisions {
  readonly callee: string;
  readonly operation: string;
  /** Of the last five minutes. */
  readonly lastMinutes: DecisionOutcomes;
  readonly lastHour: DecisionOutcomes;
}

const HOURS = 24;
const LAST_MINUTES = 5;
const OPERATIONS_MAX = 10_000;

/** The filter of {@link DecidedRequests} on rows named `decision`. */
const REQUESTS = ['team', 'caller', 'callee', 'operation']
  .map((column) => `({${column}:String} = '' OR decision.${column} = {${column}:String})`)
  .join(' AND ');

function paramsOf({ team = '', caller = '', callee = '', operation = '' }: DecidedRequests) {
  return { team, caller, callee, operation };
}

/**
 * The newest decisions of the last day, newest first.
 * @throws ClickHouseError, or the connection's error
 */
export async function requestDecisions(
  client: ClickHouseClient,
  { outcome, limit, ...requests }: DecisionFilter,
): Promise<RequestDecision[]> {
  const result = await client.query({
    query: `
      SELECT toUnixTimestamp64Milli(time) AS atMs, toString(outcome) AS outcome, fail, reason, team, rule,
        caller, callee, operation, policy, revision, latency_us AS latencyUs, trace_id AS traceId
      FROM dotline.request_decisions AS decision
      WHERE decision.time > now() - INTERVAL ${HOURS} HOUR
        AND ${REQUESTS}
        AND ({outcome:String} = '' OR toString(decision.outcome) = {outcome:String})
      ORDER BY decision.time DESC
      LIMIT {limit:UInt32}`,
    query_params: { ...paramsOf(requests), outcome: outcome ?? '', limit },
    format: 'JSONEachRow',
    // Milliseconds stay far below 2^53, so that plain numbers are exact.
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return result.json<RequestDecision>();
}

/**
 * Decisions of the last minutes and of the last hour for each operation that had any in that hour, by its name.
 * @throws ClickHouseError, or the connection's error
 */
export async function operationDecisions(
  client: ClickHouseClient,
  requests: DecidedRequests,
): Promise<OperationDecisions[]> {
  const counts = (condition: string) =>
    ['allowed', 'refused', 'undecided']
      .map((outcome) => `countIf(decision.outcome = '${outcome}'${condition})`)
      .join(', ');
  const result = await client.query({
    query: `
      SELECT callee, operation,
        [${counts(` AND decision.time > now() - INTERVAL ${LAST_MINUTES} MINUTE`)}] AS lastMinutes,
        [${counts('')}] AS lastHour
      FROM dotline.request_decisions AS decision
      WHERE decision.time > now() - INTERVAL 1 HOUR AND ${REQUESTS}
      GROUP BY callee, operation
      ORDER BY operation, callee
      LIMIT ${OPERATIONS_MAX}`,
    query_params: paramsOf(requests),
    format: 'JSONEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  const rows = await result.json<{
    callee: string;
    operation: string;
    lastMinutes: number[];
    lastHour: number[];
  }>();
  return rows.map(({ callee, operation, lastMinutes, lastHour }) => ({
    callee,
    operation,
    lastMinutes: outcomesOf(lastMinutes),
    lastHour: outcomesOf(lastHour),
  }));
}

function outcomesOf([allowed = 0, refused = 0, undecided = 0]: readonly number[]) {
  return { allowed, refused, undecided };
}
