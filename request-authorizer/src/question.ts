import type { RequestPolicyDocument } from '@dotline/policies/request-policy-document';
import type { AttributeContext } from 'envoy-control-plane-ts/gen/envoy/service/auth/v3/attribute_context_pb';
import { type AskedOperation, type PolicyInput, policyInput } from './policy-input.js';
import { UndecidedError } from './undecided-error.js';

/** A sidecar's question, with who asks. */
export interface Question {
  readonly attributes: AttributeContext;
  /** The service whose certificate the sidecar shows. */
  readonly asker: string;
  readonly trustDomain: string;
}

/** The operation in a policy that a sidecar asks about. @throws UndecidedError unless it is its own */
export function operationOf(
  { operations }: RequestPolicyDocument,
  id: string,
  asker: string,
): RequestPolicyDocument['operations'][number] {
  const operation = operations.find((each) => each.id === id);
  if (operation === undefined || operation.service !== asker) {
    throw new UndecidedError('request is not of this policy', `${asker} asks about ${id}`);
  }
  return operation;
}

/** What the rules see of a request. @throws UndecidedError when it is not of the operation */
export function inputOf(
  { attributes, trustDomain }: Question,
  operation: AskedOperation,
): PolicyInput {
  const input = policyInput(attributes, operation, trustDomain, Date.now());
  if (input === undefined) {
    throw new UndecidedError('request is not of this policy', `${operation.path} is not its path`);
  }
  return input;
}
