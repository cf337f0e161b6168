import type { RequestRule } from '@dotline/model/request-policy';
import type { Revision } from '@dotline/model/revision';

/** An operation whose requests are decided one by one, and were not before, or no longer, or with another end. */
export interface RequestRuleChange {
  /** Operation id. */
  readonly operation: string;
  readonly team: string;
  /** How it was decided; `null` when it was not. */
  readonly before: RequestRule | null;
  readonly after: RequestRule | null;
}

/**
 * What changes of which requests are decided one by one, sorted by operation. How the rules decide is code: no
 * comparison of it is made.
 */
export function requestRuleChanges(before: Revision, after: Revision): RequestRuleChange[] {
  const old = rulesOf(before);
  const now = rulesOf(after);
  return [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((operation) => {
    const [then, next] = [old.get(operation), now.get(operation)];
    if (then?.rule.fail === next?.rule.fail) return [];
    const team = next?.team ?? then?.team ?? '';
    return [{ operation, team, before: then?.rule ?? null, after: next?.rule ?? null }];
  });
}

function rulesOf({ requestPolicies = [] }: Revision) {
  return new Map(
    requestPolicies.flatMap(({ team, rules }) =>
      rules.map((rule) => [rule.operation, { team, rule }] as const),
    ),
  );
}
