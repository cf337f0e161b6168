import { edgesOf, joinRelations } from './join-relations.js';
import { diffPolicies, type EdgeChange, type PolicyState } from './policy-diff.js';
import type { Relation } from './prune-plan.js';
import { compareText, type PolicyRelations } from './relations.js';

const NAMED_MAX = 5;

/**
 * Why a compiled change is not exactly the removal of some relations, in sentences; none when it is: the other
 * relations stay as they are with their annotations, the edges lose what no rule agrees on any more, all of it
 * unused, and nothing is gained.
 */
export function pruneFaults(
  before: PolicyState,
  after: PolicyState,
  removed: ReadonlySet<Relation>,
  unusedPairs: ReadonlySet<string>,
): string[] {
  const left = {
    ...before.relations,
    needs: before.relations.needs.filter((need) => !removed.has(need)),
    grants: before.relations.grants.filter((grant) => !removed.has(grant)),
  };
  const [expected, found] = [relationKeys(left), relationKeys(after.relations)];
  const diff = diffPolicies(before, after);
  const lost = new Set(
    [...diff.removed, ...diff.narrowed].flatMap(({ caller, operations }) =>
      operations.map(({ operation }) => `${caller} ${operation}`),
    ),
  );
  const { agreements } = joinRelations(before.mesh, left);
  const kept = new Set(pairsOf(edgesOf(agreements, before.relations.refused)));
  const expectedLoss = pairsOf(before.edges).filter((pair) => !kept.has(pair));
  return [
    ...sentence('would no longer be stated', missing(expected, found)),
    ...sentence('would be stated anew', missing(found, expected)),
    ...sentence('would be allowed anew', diff.added.concat(diff.widened).map(changeText)),
    ...sentence(
      'would be used otherwise',
      diff.redefined.map(({ operation }) => operation),
    ),
    ...sentence(
      'would be taken away, and is used or too young to judge',
      [...lost].filter((pair) => !unusedPairs.has(pair)),
    ),
    ...sentence('would stay, although no rule is left', missing(expectedLoss, [...lost])),
    ...sentence('would be taken away, although rules are left', missing([...lost], expectedLoss)),
    ...sentence(
      'would be refused by a guardrail',
      missing(refusedKeys(after.relations), refusedKeys(before.relations)),
    ),
  ];
}

function pairsOf(edges: PolicyState['edges']): string[] {
  return edges.flatMap(({ caller, operations }) =>
    operations.map(({ operation }) => `${caller} ${operation}`),
  );
}

/** All but line and commit, which a removal above changes. */
function relationKeys({ needs, grants }: PolicyRelations): string[] {
  return [...needs, ...grants]
    .map(({ witness: { line: _line, commit: _commit, ...witness }, ...relation }) =>
      JSON.stringify([Object.entries(relation).sort(byName), Object.entries(witness).sort(byName)]),
    )
    .sort(compareText);
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return compareText(a, b);
}

function refusedKeys({ refused }: PolicyRelations): string[] {
  return refused.map(({ caller, operation, reason }) => `${caller} ${operation}: ${reason}`);
}

/** Of `these`, each as often as `those` lack it. */
function missing(these: readonly string[], those: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const each of those) counts.set(each, (counts.get(each) ?? 0) + 1);
  return these.filter((each) => {
    const count = counts.get(each) ?? 0;
    counts.set(each, count - 1);
    return count <= 0;
  });
}

function changeText({ id, operations }: EdgeChange): string {
  return `${id} (${operations.map(({ operation }) => operation).join(', ')})`;
}

function sentence(words: string, things: readonly string[]): string[] {
  if (things.length === 0) return [];
  const named = things.slice(0, NAMED_MAX).join('; ');
  const more = things.length > NAMED_MAX ? `; and ${things.length - NAMED_MAX} more` : '';
  return [`${words}: ${named}${more}`];
}
