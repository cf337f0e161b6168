import type { AttributeContext } from 'envoy-control-plane-ts/gen/envoy/service/auth/v3/attribute_context_pb';
import type { CheckResponse } from 'envoy-control-plane-ts/gen/envoy/service/auth/v3/external_auth_pb';
import { checkResponse } from './check-response.js';
import type { AskedRequest, Responsible, Verdict } from './decision.js';
import type { LoadedPolicies } from './loaded-policies.js';
import { type PolicyInput, policyInput, traceIdOf } from './policy-input.js';
import { UndecidedError } from './undecided-error.js';

/** Told about each decision. */
export type DecisionListener = (decision: {
  readonly verdict: Verdict;
  readonly request: AskedRequest;
  readonly responsible: Responsible | undefined;
  readonly latencyUs: number;
}) => void;

/** A sidecar's question, with who asks. */
export interface Question {
  readonly attributes: AttributeContext;
  /** The service whose certificate the sidecar shows. */
  readonly asker: string;
  readonly trustDomain: string;
}

/** Decides about single requests by the policies that sidecars name. */
export class RequestAuthorizer {
  constructor(
    private readonly policies: Pick<LoadedPolicies, 'get'>,
    private readonly decided: DecisionListener,
  ) {}

  /** @throws UndecidedError: the sidecar does then what the operation's rule says */
  async check(question: Question): Promise<CheckResponse> {
    const startedMs = performance.now();
    let request = askedRequest(question);
    let responsible: Responsible | undefined;
    const tell = (verdict: Verdict) => {
      const latencyUs = Math.round((performance.now() - startedMs) * 1000);
      this.decided({ verdict, request, responsible, latencyUs });
    };
    try {
      const { document, thread } = await this.policies.get(request.policy);
      const operation = document.operations.find(({ id }) => id === request.operation);
      if (operation === undefined || operation.service !== question.asker) {
        throw new UndecidedError(
          'request is not of this policy',
          `${question.asker} asks about ${request.operation}`,
        );
      }
      responsible = { team: document.team, contact: document.contact, rule: operation.rule };
      const input = policyInput(question.attributes, operation, question.trustDomain, Date.now());
      if (input === undefined) {
        throw new UndecidedError(
          'request is not of this policy',
          `${operation.path} is not its path`,
        );
      }
      request = { ...request, caller: input.caller, path: input.path };
      const [rule] = await thread.decide(input);
      const verdict = verdictOf(input, rule === undefined ? undefined : document.rules[rule]);
      tell(verdict);
      return checkResponse(verdict, request, responsible);
    } catch (error) {
      const undecided =
        error instanceof UndecidedError
          ? error
          : new UndecidedError('policy failed', String(error), { cause: error });
      tell({ outcome: 'undecided', reason: undecided.reason });
      throw undecided;
    }
  }
}

function verdictOf(input: PolicyInput, rule: { file: string; line: number } | undefined) {
  if (rule !== undefined) return { outcome: 'allowed', rule } as const;
  const reason = input.claims === null ? 'not signed in' : 'no rule allows it';
  return { outcome: 'refused', reason } as const;
}

function askedRequest({ attributes, asker }: Question): AskedRequest {
  const { operation = '', policy = '', revision = '', fail } = attributes.contextExtensions;
  const http = attributes.request?.http;
  return {
    operation,
    caller: attributes.source?.principal ?? '',
    callee: asker,
    method: http?.method ?? '',
    path: (http?.path ?? '').split('?')[0] ?? '',
    policy,
    revision,
    traceId: traceIdOf(attributes),
    fail: fail === 'open' ? 'open' : 'closed',
  };
}
