import { create } from '@bufbuild/protobuf';
import { status as grpcStatus } from '@grpc/grpc-js';
import {
  type CheckResponse,
  CheckResponseSchema,
} from 'envoy-control-plane-ts/gen/envoy/service/auth/v3/external_auth_pb';
import { StatusCode } from 'envoy-control-plane-ts/gen/envoy/type/v3/http_status_pb';
import { type AskedRequest, placeText, type Responsible, type Verdict } from './decision.js';

/** The request passes. */
export const ALLOWED = create(CheckResponseSchema, {
  status: { code: grpcStatus.OK },
  httpResponse: { case: 'okResponse', value: {} },
});

/** What a sidecar is answered; a refusal comes with the words for whoever made the request. */
export function checkResponse(
  verdict: Exclude<Verdict, { outcome: 'undecided' }>,
  request: AskedRequest,
  { team, contact, rule }: Responsible,
): CheckResponse {
  if (verdict.outcome === 'allowed') return ALLOWED;
  const notSignedIn = verdict.reason === 'not signed in';
  const body = {
    error: 'denied by policy',
    reason: `team ${team} decides each ${request.operation}, and ${
      notSignedIn ? 'no rule allows it without a token' : 'no rule allows this one'
    }`,
    caller: request.caller,
    callee: request.callee,
    operation: request.operation,
    method: request.method,
    path: request.path,
    team,
    rule: placeText(rule),
    policy: request.policy.slice(0, 12),
    ask: [contact],
  };
  return create(CheckResponseSchema, {
    status: { code: grpcStatus.PERMISSION_DENIED },
    httpResponse: {
      case: 'deniedResponse',
      value: {
        status: { code: StatusCode.Forbidden },
        headers: [{ header: { key: 'content-type', value: 'application/json' } }],
        body: `${JSON.stringify(body)}\n`,
      },
    },
  });
}
