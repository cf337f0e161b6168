import type { WhenUndecided } from '@dotline/model/request-policy';
import type { RequestPolicyDocument } from '@dotline/policies/request-policy-document';
import type { UndecidedReason } from './undecided-error.js';

/** Where a rule stands. */
export type RulePlace = RequestPolicyDocument['rules'][number];

/** The answer about one request, with its proof. */
export type Verdict =
  | { readonly outcome: 'allowed'; readonly rule: RulePlace }
  | { readonly outcome: 'refused'; readonly reason: 'not signed in' | 'no rule allows it' }
  | { readonly outcome: 'undecided'; readonly reason: UndecidedReason };

/** Which request it was, without anything of its content. */
export interface AskedRequest {
  readonly operation: string;
  readonly caller: string;
  readonly callee: string;
  readonly method: string;
  readonly path: string;
  /** Content hash of the policy. */
  readonly policy: string;
  /** The revision in which the policy took its form. */
  readonly revision: string;
  readonly traceId: string;
  /** What the sidecar does when nobody can decide. */
  readonly fail: WhenUndecided;
  /** Empty when the request belongs to none. */
  readonly requestId: string;
  /** What it is judged by, of which nothing is enforced. */
  readonly staged: StagedQuestion | undefined;
}

/** How a staged revision would decide, beside what was decided. */
export interface StagedQuestion {
  /** Id of the staged revision. */
  readonly revision: string;
  /** Content hash of its policy; empty where it lets each request pass. */
  readonly policy: string;
}

/** Who is responsible for the decision; unknown when there is no policy. */
export interface Responsible {
  readonly team: string;
  readonly contact: string;
  /** The rule that has each request of the operation decided. */
  readonly rule: RulePlace;
}

/** `file:line`. */
export function placeText({ file, line }: RulePlace): string {
  return `${file}:${line}`;
}
