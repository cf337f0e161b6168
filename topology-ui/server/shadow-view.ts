/** What the page server answers about a staged revision. Types only. */
import type { ShadowOperation, ShadowRules } from '@dotline/control-plane/shadow-report';

/** What a staged revision would change for one caller and operation. */
export type ShadowOperationView = ShadowOperation;

/** Where the rules stand by which a revision decides. */
export type ShadowRulesView = ShadowRules;

/** A staged revision, judged beside the live one. */
export interface RunningShadow {
  readonly revision: string;
  /** As whoever staged it named it. */
  readonly name: string;
  readonly commit: string | null;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  /** Sidecars that judge by it, those that are to, and all. */
  readonly sidecars: {
    readonly judging: number;
    readonly concerned: number;
    readonly total: number;
  };
  /** From when on requests are counted, milliseconds since the epoch. */
  readonly sinceMs: number;
  readonly wouldBeDenied: number;
  readonly wouldBeAllowed: number;
  /** Judged operations, and those about which the two revisions differ; what would be denied first. */
  readonly operations: readonly ShadowOperationView[];
}

/** `GET /api/shadow?windowMs=3600000`: since the start of the shadow without a window. */
export interface ShadowView {
  /** The live revision. */
  readonly live: string;
  /** `null` when no revision is staged. */
  readonly shadow: RunningShadow | null;
}
