import type { Witness } from '@dotline/model/edge';

/** Whom a grant lets in: one service, or every service of a team, tier or product. */
export type CallerKind = 'service' | 'team' | 'tier' | 'product';

export interface CallerSelector {
  readonly kind: CallerKind;
  readonly name: string;
}

/** A team's statement that its own service calls an operation. */
export interface Need {
  readonly service: string;
  /** Operation id, such as `fare.get-estimate`. */
  readonly operation: string;
  /** What for, such as `support`; personal data is given for declared purposes only. */
  readonly purpose?: string;
  /** Whether the service works on, with less to offer, when the operation fails. Absent: no. */
  readonly optional?: boolean;
  readonly witness: Witness;
}

/** A team's consent that callers use an operation of its own service. */
export interface Grant {
  readonly operation: string;
  readonly caller: CallerSelector;
  readonly witness: Witness;
}

/** The platform's own allowance, which stands in for need and grant at once. */
export type BaselineAllowance = Need;

/** A guardrail's refusal of something that both sides agreed on (or that the baseline allows). */
export interface GuardrailDenial {
  readonly caller: string;
  readonly callee: string;
  readonly operation: string;
  /** The one purpose that it forbids, empty for needs that state none; absent when it forbids all. */
  readonly purpose?: string;
  /** The guardrail's words to the people it stops. */
  readonly reason: string;
  readonly guardrail: Witness;
}

/** What teams and platform state about the network, before it is joined. */
export interface StatedRelations {
  readonly needs: readonly Need[];
  readonly grants: readonly Grant[];
  readonly baseline: readonly BaselineAllowance[];
}

/**
 * Everything that `explain` needs to know about a revision's policies. Plain data in a fixed order:
 * safe to store as JSON beside the revision, equal content gives equal JSON.
 */
export interface PolicyRelations extends StatedRelations {
  readonly refused: readonly GuardrailDenial[];
}

/** By who needs what, then what for; of equal ones the first by place comes first. */
export function compareNeeds(a: Need, b: Need): number {
  return (
    compareText(a.service, b.service) ||
    compareText(a.operation, b.operation) ||
    compareText(a.purpose ?? '', b.purpose ?? '') ||
    Number(a.optional ?? false) - Number(b.optional ?? false) ||
    compareWitnesses(a.witness, b.witness)
  );
}

/** By what they give to whom; of equal ones the first by place comes first. */
export function compareGrants(a: Grant, b: Grant): number {
  return (
    compareText(a.operation, b.operation) ||
    compareText(a.caller.kind, b.caller.kind) ||
    compareText(a.caller.name, b.caller.name) ||
    compareWitnesses(a.witness, b.witness)
  );
}

/** Order of rules: by file, then line. It decides which of several witnesses becomes the proof. */
export function compareWitnesses(a: Witness, b: Witness): number {
  return compareText(a.file, b.file) || a.line - b.line;
}

/** Code unit order, the same on every machine. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * One list in order, of lists that are each in order. Lists that do not reach into each other, as those of teams
 * about their own files, are only put one behind the other.
 */
export function mergeSorted<Item>(
  lists: readonly (readonly Item[])[],
  compare: (a: Item, b: Item) => number,
): Item[] {
  const runs = lists.flatMap((items) => {
    const [first] = items;
    const last = items.at(-1);
    return first === undefined || last === undefined ? [] : [{ items, first, last }];
  });
  runs.sort((a, b) => compare(a.first, b.first));
  const all = concatenated(runs.map(({ items }) => items));
  const isInOrder = runs.every(({ first }, index) => {
    const before = runs[index - 1];
    return before === undefined || compare(before.last, first) <= 0;
  });
  return isInOrder ? all : all.sort(compare);
}

/** One list of several. `flat` and `flatMap` take their time for each item. */
export function concatenated<Item>(lists: readonly (readonly Item[])[]): Item[] {
  return ([] as Item[]).concat(...lists);
}
