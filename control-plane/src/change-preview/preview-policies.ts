import type { Revision } from '@dotline/model/revision';
import {
  type DeniedTraffic,
  deniedTraffic,
  type TrafficSeen,
} from '@dotline/policies/denied-traffic';
import {
  type MissingConsent,
  missingConsents,
  type Refusal,
  refusals,
} from '@dotline/policies/missing-consent';
import { type NewReach, newReach } from '@dotline/policies/new-reach';
import {
  diffPolicies,
  isMoved,
  type PolicyDiff,
  type PolicyState,
} from '@dotline/policies/policy-diff';
import type { PolicyRelations } from '@dotline/policies/relations';
import { type RequestRuleChange, requestRuleChanges } from './request-rule-changes.js';

/** One side of a preview. */
export interface PreviewSide {
  readonly revision: Revision;
  readonly relations: PolicyRelations;
}

/** Real traffic, or why it was not looked at. */
export type TrafficLook = { readonly seen: TrafficSeen } | { readonly notSeen: string };

/** What a change of the policies would do before it is made. Plain data. */
export interface PolicyPreview {
  readonly edges: PolicyDiff;
  readonly missingConsents: readonly MissingConsent[];
  readonly refusals: readonly Refusal[];
  readonly newReach: readonly NewReach[];
  /** Of the operations whose requests are decided one by one. */
  readonly requestRules: readonly RequestRuleChange[];
  /** `denied` is `null` when traffic was not looked at, for the reason that `notSeen` names. */
  readonly traffic: {
    readonly notSeen: string | null;
    /** Milliseconds since the epoch. */
    readonly sinceMs: number | null;
    readonly untilMs: number | null;
    readonly denied: readonly DeniedTraffic[] | null;
  };
  /**
   * `unsafe`: it would deny real traffic. `unknown`: it takes something away, and nobody looked whether
   * that is used, or it has requests decided one by one that were not. `safe`: everything else.
   */
  readonly verdict: 'safe' | 'unsafe' | 'unknown';
}

/** All of it that is known without making anything for a sidecar, which takes Envoy's whole API. */
export function previewPolicies(
  before: PreviewSide,
  after: PreviewSide,
  traffic: TrafficLook,
): PolicyPreview {
  const old = stateOf(before);
  const now = stateOf(after);
  const edges = diffPolicies(old, now);
  const requestRules = requestRuleChanges(before.revision, after.revision);
  const denied = 'seen' in traffic ? deniedTraffic(old, edges, traffic.seen) : null;
  return {
    edges,
    missingConsents: missingConsents(old, now),
    refusals: refusals(old, now),
    newReach: newReach(old, now),
    requestRules,
    traffic: {
      notSeen: 'seen' in traffic ? null : traffic.notSeen,
      sinceMs: 'seen' in traffic ? traffic.seen.sinceMs : null,
      untilMs: 'seen' in traffic ? traffic.seen.untilMs : null,
      denied,
    },
    verdict: verdictOf(edges, requestRules, denied),
  };
}

function verdictOf(
  { removed, narrowed, redefined }: PolicyDiff,
  requestRules: readonly RequestRuleChange[],
  denied: readonly DeniedTraffic[] | null,
): PolicyPreview['verdict'] {
  if (denied !== null && denied.length > 0) return 'unsafe';
  // What rules about single requests will answer is known only when they are asked.
  if (requestRules.some(({ before, after }) => before === null && after !== null)) return 'unknown';
  if (denied !== null) return 'safe';
  const takes = removed.length > 0 || narrowed.length > 0 || redefined.some(isMoved);
  return takes ? 'unknown' : 'safe';
}

function stateOf({ revision, relations }: PreviewSide): PolicyState {
  return { mesh: revision.mesh, edges: revision.edges, relations };
}
