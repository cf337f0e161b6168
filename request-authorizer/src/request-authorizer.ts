import { serviceOfSpiffeId } from '@dotline/model/spiffe-id';
import type { CheckResponse } from 'envoy-control-plane-ts/gen/envoy/service/auth/v3/external_auth_pb';
import { ALLOWED, checkResponse } from './check-response.js';
import type { AskedRequest, Responsible, Verdict } from './decision.js';
import type { LoadedPolicies } from './loaded-policies.js';
import { type PolicyInput, traceIdOf } from './policy-input.js';
import { inputOf, operationOf, type Question } from './question.js';
import type { ShadowJudge } from './shadow-judge.js';
import { UndecidedError } from './undecided-error.js';

/** Told about each decision. */
export type DecisionListener = (decision: {
  readonly verdict: Verdict;
  readonly request: AskedRequest;
  readonly responsible: Responsible | undefined;
  readonly latencyUs: number;
}) => void;

/** Decides about single requests by the policies that sidecars name. */
export class RequestAuthorizer {
  constructor(
    private readonly policies: Pick<LoadedPolicies, 'get'>,
    private readonly shadow: Pick<ShadowJudge, 'judge'>,
    private readonly decided: DecisionListener,
  ) {}

  /** @throws UndecidedError: the sidecar does then what the operation's rule says */
  async check(question: Question): Promise<CheckResponse> {
    const request = askedRequest(question);
    // The live revision decides nothing about it: it passes, and is judged.
    if (request.policy === '' && request.staged !== undefined) {
      this.shadow.judge(question, request, 'allowed');
      return ALLOWED;
    }
    const startedMs = performance.now();
    const decision = await this.#decide(question, request);
    const latencyUs = Math.round((performance.now() - startedMs) * 1000);
    this.decided({ ...decision, latencyUs });
    this.shadow.judge(question, decision.request, LIVE[decision.verdict.outcome]);
    if (decision.undecided !== undefined) throw decision.undecided;
    return checkResponse(decision.verdict, decision.request, decision.responsible);
  }

  /** Never rejects. */
  async #decide(question: Question, asked: AskedRequest): Promise<Decision> {
    let request = asked;
    let responsible: Responsible | undefined;
    try {
      const { document, thread } = await this.policies.get(request.policy);
      const operation = operationOf(document, request.operation, question.asker);
      responsible = { team: document.team, contact: document.contact, rule: operation.rule };
      const input = inputOf(question, operation);
      request = { ...request, caller: input.caller, path: input.path };
      const [rule] = await thread.decide(input);
      const verdict = verdictOf(input, rule === undefined ? undefined : document.rules[rule]);
      return { verdict, request, responsible };
    } catch (error) {
      const undecided =
        error instanceof UndecidedError
          ? error
          : new UndecidedError('policy failed', String(error), { cause: error });
      const verdict = { outcome: 'undecided', reason: undecided.reason } as const;
      return { verdict, request, responsible, undecided };
    }
  }
}

type Decision =
  | {
      readonly verdict: Exclude<Verdict, { outcome: 'undecided' }>;
      readonly request: AskedRequest;
      readonly responsible: Responsible;
      readonly undecided?: never;
    }
  | {
      readonly verdict: Extract<Verdict, { outcome: 'undecided' }>;
      readonly request: AskedRequest;
      readonly responsible: Responsible | undefined;
      readonly undecided: UndecidedError;
    };

/** What the judgement of a staged revision is compared with. */
const LIVE = { allowed: 'allowed', refused: 'denied', undecided: 'unknown' } as const;

function verdictOf(input: PolicyInput, rule: { file: string; line: number } | undefined) {
  if (rule !== undefined) return { outcome: 'allowed', rule } as const;
  const reason = input.claims === null ? 'not signed in' : 'no rule allows it';
  return { outcome: 'refused', reason } as const;
}

function askedRequest({ attributes, asker, trustDomain }: Question): AskedRequest {
  const extensions = attributes.contextExtensions;
  const { operation = '', policy = '', revision = '', fail, staged } = extensions;
  const http = attributes.request?.http;
  const principal = attributes.source?.principal ?? '';
  return {
    operation,
    caller: serviceOfSpiffeId(trustDomain, principal) ?? principal,
    callee: asker,
    method: http?.method ?? '',
    path: (http?.path ?? '').split('?')[0] ?? '',
    policy,
    revision,
    traceId: traceIdOf(attributes),
    fail: fail === 'open' ? 'open' : 'closed',
    requestId: http?.headers['x-request-id'] ?? '',
    staged:
      staged === undefined
        ? undefined
        : { revision: staged, policy: extensions.staged_policy ?? '' },
  };
}
