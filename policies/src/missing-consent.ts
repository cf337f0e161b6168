import type { Witness } from '@dotline/model/edge';
import { explain, type MissingRule } from './explain.js';
import { joinRelations } from './join-relations.js';
import type { PolicyState } from './policy-diff.js';
import { compareText, compareWitnesses, type GuardrailDenial, type Need } from './relations.js';

/** A need that waits for the callee's team. */
export interface MissingConsent {
  readonly caller: string;
  readonly operation: string;
  /** Where the need is stated. */
  readonly need: Witness;
  /** What the callee's team would add, and whom to ask. */
  readonly grant: MissingRule;
  /** Whether it was not missing before. */
  readonly isNew: boolean;
}

/** Both sides agree, and a guardrail forbids it. */
export interface Refusal extends GuardrailDenial {
  /** Whether it was not refused before. */
  readonly isNew: boolean;
}

/** Consent that `after` still lacks, by caller and operation. */
export function missingConsents(before: PolicyState, after: PolicyState): MissingConsent[] {
  const old = new Set(ungranted(before).keys());
  return [...ungranted(after)].flatMap(([key, { service, operation, witness }]) => {
    const [callee = ''] = operation.split('.');
    const { operations } = explain(after.mesh, after.relations, service, callee);
    const grant = operations
      .find((each) => each.operation === operation)
      ?.missing.find(({ side }) => side === 'grant');
    if (grant === undefined) return [];
    return [{ caller: service, operation, need: witness, grant, isNew: !old.has(key) }];
  });
}

/** What guardrails refuse in `after`, by caller and operation. */
export function refusals(before: PolicyState, after: PolicyState): Refusal[] {
  const keyOf = ({ caller, operation, purpose = '' }: GuardrailDenial) =>
    `${caller} ${operation} ${purpose}`;
  const old = new Set(before.relations.refused.map(keyOf));
  return after.relations.refused
    .map((denial) => ({ ...denial, isNew: !old.has(keyOf(denial)) }))
    .sort((a, b) => compareText(keyOf(a), keyOf(b)));
}

/** Needs that nobody grants, each pair of caller and operation once, in order. */
function ungranted({ mesh, relations }: PolicyState): Map<string, Need> {
  const needs = joinRelations(mesh, relations)
    .ungranted.map((need) => [`${need.service} ${need.operation}`, need] as const)
    .sort(
      ([a, first], [b, second]) =>
        compareText(a, b) || compareWitnesses(second.witness, first.witness),
    );
  // Of several rules that state one need the first stands: it is the last to be set.
  return new Map(needs);
}
