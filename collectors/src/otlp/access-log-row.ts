import type { LogRecord } from '../gen/opentelemetry/proto/logs/v1/logs.js';
import { type Peer, serviceNameOf } from '../peer/peer.js';
import { hexId } from './attributes.js';
import { type ClampCount, clampedTime, unixSeconds } from './event-time.js';
import { shadowVerdict } from './shadow-verdict-row.js';
import { line } from './tab-separated.js';

/** Columns of `access_log`, in the order in which {@link accessLogRow} writes them. */
export const ACCESS_LOG_COLUMNS = [
  'time',
  'reporter',
  'caller',
  'callee',
  'edge',
  'operation',
  'edge_revision',
  'authorization',
  'method',
  'path',
  'status',
  'response_flags',
  'response_code_details',
  'duration_us',
  'request_bytes',
  'response_bytes',
  'trace_id',
  'request_id',
  'instance',
  'cell',
  'zone',
  'peer_address',
] as const;

/** Why a record cannot be a row. */
export type AccessLogDefect = 'reporter' | 'callee' | 'status' | 'number';

/** What the peer claimed and its certificate contradicts; such claims are replaced. */
export interface IdentityCount {
  contradicted: number;
}

/** Envoy's words for a request that a team's rules refused on an edge that is allowed, or for its token. */
const REFUSED_REQUEST = /^(ext_authz_denied$|jwt_authn_access_denied)/;
/** Names are dictionary entries; without a bound a stranger could fill the dictionary. */
const NAME_MAX = 256;
const PATH_MAX = 1024;
const UINT16_MAX = 65_535;
const UINT32_MAX = 4_294_967_295;

/**
 * One line of `access_log` from a log record that carries the attribute `reporter`
 * (docs/architecture.md, "Sidecar configuration"). The reporting side is who its certificate says. Where
 * a staged revision judged the request, there is a line of `shadow_verdicts` too.
 */
export function accessLogRow(
  record: LogRecord,
  attributes: ReadonlyMap<string, string>,
  peer: Peer,
  arrivalNs: bigint,
  counts: ClampCount & IdentityCount,
): AccessLogLines | { readonly defect: AccessLogDefect } {
  const reporter = attributes.get('reporter');
  if (reporter !== 'source' && reporter !== 'destination') return { defect: 'reporter' };
  const claimed = {
    caller: serviceNameOf(name(attributes.get('caller'))),
    callee: serviceNameOf(name(attributes.get('callee'))),
  };
  const { caller, callee } = own(claimed, reporter, peer, counts);
  if (callee === '') return { defect: 'callee' };

  const status = count(attributes.get('status'), UINT16_MAX);
  if (status === undefined) return { defect: 'status' };
  const durationUs = count(attributes.get('duration_us'), UINT32_MAX);
  const requestBytes = count(attributes.get('request_bytes'), UINT32_MAX);
  const responseBytes = count(attributes.get('response_bytes'), UINT32_MAX);
  if (durationUs === undefined || requestBytes === undefined || responseBytes === undefined) {
    return { defect: 'number' };
  }

  const operation = name(attributes.get('operation'));
  // The callee's side says both in the name of the policy that let the request in: `a->b@revision`.
  const policy = name(attributes.get('edge'));
  const [edge = '', edgeRevision = name(attributes.get('edge_revision'))] = policy.split('@');
  const details = name(attributes.get('response_code_details'));
  const denied =
    attributes.get('authorization') === 'denied' ||
    operation === 'denied' ||
    (reporter === 'destination' && REFUSED_REQUEST.test(details));
  const time = unixSeconds(clampedTime(record.timeUnixNano, arrivalNs, counts), 6);
  const requestId = name(attributes.get('request_id'));
  const instanceId = instance(attributes.get('instance'), peer);
  const cells = [
    time,
    reporter,
    caller,
    callee,
    edge,
    operation,
    edgeRevision,
    denied ? 'denied' : 'allowed',
    name(attributes.get('method')),
    path(attributes.get('path')),
    status,
    name(attributes.get('response_flags')),
    details,
    durationUs,
    requestBytes,
    responseBytes,
    hexId(record.traceId, 16),
    requestId,
    instanceId,
    name(attributes.get('cell')),
    name(attributes.get('zone')),
    name(attributes.get('peer_address')),
  ];
  const verdict = shadowVerdict(attributes.get('shadow'), reporter, policy);
  if (verdict === undefined) return { line: line(cells) };
  const { stagedRevision, live, staged } = verdict;
  const judged = name(verdict.operation) || operation;
  const verdictLine = line([
    ...[time, reporter, stagedRevision, caller, callee, judged],
    ...[live, staged, requestId, instanceId],
  ]);
  return { line: line(cells), verdictLine };
}

interface AccessLogLines {
  readonly line: string;
  readonly verdictLine?: string;
}

interface Ends {
  readonly caller: string;
  readonly callee: string;
}

function own(
  claimed: Ends,
  reporter: 'source' | 'destination',
  peer: Peer,
  counts: IdentityCount,
): Ends {
  if (peer.kind !== 'service') return claimed;
  const side = reporter === 'source' ? 'caller' : 'callee';
  if (claimed[side] === peer.service) return claimed;
  counts.contradicted += 1;
  return { ...claimed, [side]: peer.service };
}

/** A service's own instances are named after it. */
function instance(text: string | undefined, peer: Peer): string {
  const given = name(text);
  return peer.kind !== 'service' || given.startsWith(`${peer.service}-`) ? given : '';
}

/** Envoy writes `-` for what it does not know. */
function name(text: string | undefined): string {
  if (text === undefined || text === '-') return '';
  return text.length > NAME_MAX ? text.slice(0, NAME_MAX) : text;
}

/** Without the query, which may carry what nobody should store. */
function path(text: string | undefined): string {
  if (text === undefined || text === '-') return '';
  const query = text.indexOf('?');
  return text.slice(0, query < 0 ? PATH_MAX : Math.min(query, PATH_MAX));
}

function count(text: string | undefined, max: number): number | undefined {
  if (text === undefined || text === '' || text === '-') return 0;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) return undefined;
  return Math.min(Math.round(value), max);
}
