import type { JsonObject } from '@bufbuild/protobuf';
import { serviceOfSpiffeId } from '@dotline/model/spiffe-id';
import type { AttributeContext } from 'envoy-control-plane-ts/gen/envoy/service/auth/v3/attribute_context_pb';
import { pathParameters } from './path-parameters.js';

/** Where a sidecar puts a verified token's claims; see `jwt-authentication.ts` of sidecar-config. */
const JWT_METADATA = 'envoy.filters.http.jwt_authn';
const CLAIMS = 'claims';
const FAILED = 'failed';

/** For the log of decisions alone. */
const TRACE_HEADER = 'traceparent';

/** What a team's rules see as `input`: docs/guides/request-time-policy.md. */
export interface PolicyInput {
  /** Operation id. */
  readonly operation: string;
  /** Service names. */
  readonly caller: string;
  readonly callee: string;
  readonly method: string;
  /** Without query. */
  readonly path: string;
  /** Of the operation's path template, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Every value of each name, decoded. */
  readonly query: Readonly<Record<string, readonly string[]>>;
  /** By lower-case name; several of one name are joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of the verified token; null when nobody is signed in. */
  readonly claims: JsonObject | null;
  /** When the request came, in milliseconds since the epoch. */
  readonly time_ms: number;
}

/** The operation that a sidecar says a request is of. */
export interface AskedOperation {
  readonly id: string;
  readonly service: string;
  readonly path: string;
}

/**
 * What a policy is told of a request.
 * @returns undefined when the request is not of the operation
 */
export function policyInput(
  attributes: AttributeContext,
  operation: AskedOperation,
  trustDomain: string,
  nowMs: number,
): PolicyInput | undefined {
  const http = attributes.request?.http;
  const caller = serviceOfSpiffeId(trustDomain, attributes.source?.principal ?? '');
  if (http === undefined || caller === undefined) return undefined;
  const [path = '', query = ''] = split(http.path);
  const parameters = pathParameters(operation.path, path);
  if (parameters === undefined) return undefined;
  const headers = Object.fromEntries(
    Object.entries(http.headers).filter(([name]) => !name.startsWith(':') && name !== TRACE_HEADER),
  );
  const { seconds = 0n, nanos = 0 } = attributes.request?.time ?? {};
  const timeMs = Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
  return {
    operation: operation.id,
    caller,
    callee: operation.service,
    method: http.method,
    path,
    parameters,
    query: queryOf(query),
    headers,
    claims: claimsOf(attributes),
    time_ms: timeMs > 0 ? timeMs : nowMs,
  };
}

/** The trace that a request belongs to, in hexadecimal; empty when it belongs to none. */
export function traceIdOf(attributes: AttributeContext): string {
  const header = attributes.request?.http?.headers[TRACE_HEADER] ?? '';
  return /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-/.exec(header)?.[1] ?? '';
}

/** Whether a request that passes all the same has a token that nobody believes; only known of judged requests. */
export function isTokenRefused(attributes: AttributeContext): boolean {
  const failed = attributes.metadataContext?.filterMetadata[JWT_METADATA]?.[FAILED];
  return failed !== undefined && claimsOf(attributes) === null;
}

function claimsOf({ metadataContext }: AttributeContext): JsonObject | null {
  const claims = metadataContext?.filterMetadata[JWT_METADATA]?.[CLAIMS];
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return null;
  return claims;
}

function queryOf(text: string): Record<string, string[]> {
  // Without a prototype, since names are the caller's choice.
  const query: Record<string, string[]> = Object.create(null);
  for (const [name, value] of new URLSearchParams(text)) {
    const values = query[name] ?? [];
    query[name] = values;
    values.push(value);
  }
  return query;
}

function split(pathAndQuery: string): [path: string, query: string] {
  const [whole = ''] = pathAndQuery.split('#', 1);
  const mark = whole.indexOf('?');
  return mark === -1 ? [whole, ''] : [whole.slice(0, mark), whole.slice(mark + 1)];
}
