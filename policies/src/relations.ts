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

/** Order of rules: by file, then line. It decides which of several witnesses becomes the proof. */
export function compareWitnesses(a: Witness, b: Witness): number {
  return compareText(a.file, b.file) || a.line - b.line;
}

/** Code unit order, the same on every machine. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
