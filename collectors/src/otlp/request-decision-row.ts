import type { LogRecord } from '../gen/opentelemetry/proto/logs/v1/logs.js';
import type { Peer } from '../peer/peer.js';
import { type ClampCount, clampedTime, unixSeconds } from './event-time.js';
import { requestVerdict } from './shadow-verdict-row.js';
import { line } from './tab-separated.js';

/** Columns of `request_decisions`, in the order in which {@link requestDecisionRow} writes them. */
export const REQUEST_DECISION_COLUMNS = [
  'time',
  'outcome',
  'fail',
  'reason',
  'team',
  'rule',
  'caller',
  'callee',
  'operation',
  'policy',
  'revision',
  'latency_us',
  'trace_id',
] as const;

const OUTCOMES = new Set(['allowed', 'refused', 'undecided']);
/** As the collector names the platform's authorizer. */
const AUTHORIZER = 'dotline-authorizer';
/** Names are dictionary entries; without a bound a mistake could fill the dictionary. */
const NAME_MAX = 256;
const UINT32_MAX = 4_294_967_295;

/** Whether a log record is a decision about a request, from one who decides: no service may claim that it does. */
export function isRequestDecision(attributes: ReadonlyMap<string, string>, peer: Peer): boolean {
  return OUTCOMES.has(attributes.get('decision') ?? '') && isAuthorizer(peer);
}

/**
 * One line of `shadow_verdicts`, of an authorizer's record that says how a staged revision would decide a request.
 * @returns `undefined` of every other record
 */
export function requestVerdictRow(
  record: LogRecord,
  attributes: ReadonlyMap<string, string>,
  peer: Peer,
  arrivalNs: bigint,
  counts: ClampCount,
): string | undefined {
  const text = attributes.get('shadow');
  if (text === undefined || attributes.has('reporter') || !isAuthorizer(peer)) return undefined;
  const verdict = requestVerdict(text);
  if (verdict === undefined) return undefined;
  const name = (value = '') => value.slice(0, NAME_MAX);
  return line([
    unixSeconds(clampedTime(record.timeUnixNano, arrivalNs, counts), 6),
    'authorizer',
    verdict.stagedRevision,
    name(attributes.get('caller')),
    name(attributes.get('callee')),
    name(verdict.operation),
    verdict.live,
    verdict.staged,
    name(attributes.get('request_id')),
    '',
  ]);
}

function isAuthorizer(peer: Peer): boolean {
  return peer.kind !== 'service' || peer.service === AUTHORIZER;
}

/** One line of `request_decisions`. */
export function requestDecisionRow(
  record: LogRecord,
  attributes: ReadonlyMap<string, string>,
  arrivalNs: bigint,
  counts: ClampCount,
): string {
  const name = (key: string) => (attributes.get(key) ?? '').slice(0, NAME_MAX);
  const latencyUs = Number(name('latency_us'));
  const traceId = name('trace_id');
  return line([
    unixSeconds(clampedTime(record.timeUnixNano, arrivalNs, counts), 6),
    name('decision'),
    name('fail'),
    name('reason'),
    name('team'),
    name('rule'),
    name('caller'),
    name('callee'),
    name('operation'),
    name('policy'),
    name('revision'),
    latencyUs >= 0 ? Math.min(Math.round(latencyUs), UINT32_MAX) : 0,
    /^[0-9a-f]{32}$/.test(traceId) ? traceId : '',
  ]);
}
