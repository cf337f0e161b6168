/** What the page server answers about policies, what they are used for and changes of them. Types only. */
import type { StoredPreview } from '@dotline/control-plane/preview-store';
import type { Revision } from '@dotline/model/revision';
import type { PolicyRelations } from '@dotline/policies/relations';
import type { DeniedSeen } from '@dotline/policies/suggest-seen';
import type { EdgeAge, UsageSeen } from '@dotline/policies/unused-edges';

/** `GET /api/policies/live`: what a change is compared with. */
export interface LivePoliciesView {
  /** Without the commands, variables and folders of its services. */
  readonly revision: Revision;
  readonly relations: PolicyRelations;
}

/** `GET /api/traffic/allowed?days=7`: exact counts of what callers' sidecars let through. */
export interface AllowedTrafficView {
  /** Milliseconds since the epoch: the hour of the first record in the range, or its end without any. */
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly operations: readonly {
    readonly caller: string;
    readonly callee: string;
    /** Operation id. */
    readonly operation: string;
    readonly requests: number;
  }[];
}

/** `GET /api/policies/usage?days=30`: how much each operation of the live revision was used. */
export interface PolicyUsageView {
  /** Id of the live revision. */
  readonly revision: string;
  /** By edge id: since when it has been allowed, and has had its form. */
  readonly edgeAges: Readonly<Record<string, EdgeAge>>;
  readonly usage: UsageSeen;
}

/** `GET /api/traffic/denied?days=7`: what policy refused, by caller, callee, method and path. */
export type DeniedAttemptsView = DeniedSeen;

/** `GET /api/previews/:id`: what a change would do, as `dotline policy diff --page` computed it. */
export type PreviewView = StoredPreview;
