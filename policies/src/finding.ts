import type { Witness } from '@dotline/model/edge';
import type { Mesh } from '@dotline/model/mesh';
import type { Problem } from '@dotline/model/mesh-error';
import { isRefusedBy, type Join, pairOf } from './join-relations.js';
import {
  type CallerSelector,
  compareGrants,
  compareNeeds,
  compareText,
  compareWitnesses,
  type Grant,
  type GuardrailDenial,
  type Need,
} from './relations.js';

/** Something that is allowed but probably not what its author wants. Plain data. */
export type Finding =
  /** The callee's team has not consented. */
  | { readonly kind: 'ungranted-need'; readonly team: string; readonly need: Need }
  /** Nobody uses this consent. */
  | { readonly kind: 'unused-grant'; readonly team: string; readonly grant: Grant }
  /** Both sides agree, a guardrail forbids it. */
  | {
      readonly kind: 'guardrail-refused';
      readonly team: string;
      readonly need: Witness;
      readonly grant: Witness;
      readonly denial: GuardrailDenial;
    };

/** All findings of a join, sorted by the file and line they are about. */
export function findingsOf(join: Join, refused: readonly GuardrailDenial[]): Finding[] {
  const refusedPairs = new Set(refused.map(pairOf));
  const agreements =
    refused.length === 0 ? [] : join.agreements.filter((each) => refusedPairs.has(pairOf(each)));
  const findings: Finding[] = [
    ...join.ungranted.map((need) => ({
      kind: 'ungranted-need' as const,
      team: need.witness.team,
      need,
    })),
    ...join.unused.map(unusedGrant),
    ...refused.flatMap((denial) => {
      const agreement = agreements.find((each) => isRefusedBy(each, denial));
      if (agreement === undefined) return [];
      const { need, grant } = agreement;
      return [{ kind: 'guardrail-refused' as const, team: need.team, need, grant, denial }];
    }),
  ];
  return sortFindings(findings);
}

/** In place, in an order that depends on what they say alone. */
export function sortFindings(findings: Finding[]): Finding[] {
  return findings.sort((a, b) => compareFindings(a, b, true));
}

/** By place; those of one place by what they say, if that is wanted. */
export function compareFindings(a: Finding, b: Finding, byContent: boolean): number {
  const byPlace = compareWitnesses(subject(a), subject(b));
  if (byPlace !== 0 || !byContent) return byPlace;
  return compareText(a.kind, b.kind) || compareContents(a, b);
}

/** Of one kind and place. There can be thousands of them, hardly ever refused ones. */
function compareContents(a: Finding, b: Finding): number {
  if (a.kind === 'unused-grant' && b.kind === 'unused-grant')
    return compareGrants(a.grant, b.grant);
  if (a.kind === 'ungranted-need' && b.kind === 'ungranted-need')
    return compareNeeds(a.need, b.need);
  return compareText(JSON.stringify(a), JSON.stringify(b));
}

/** The finding that nobody uses a grant. */
export function unusedGrant(grant: Grant): Finding {
  return { kind: 'unused-grant', team: grant.witness.team, grant };
}

/** A finding in words, with the place it is about and the way out. */
export function describeFinding(mesh: Mesh, finding: Finding): Problem {
  const { file, line } = subject(finding);
  switch (finding.kind) {
    case 'ungranted-need': {
      const { service, operation } = finding.need;
      const callee = mesh.services.find((each) => each.name === operation.split('.')[0]);
      const team = mesh.teams.find((each) => each.name === callee?.team);
      const message = `${service} needs ${operation}, which nobody grants`;
      if (team === undefined) return { file, line, message };
      return { file, line, message, hint: `ask team ${team.name}: ${team.contact}` };
    }
    case 'unused-grant': {
      const { operation, caller } = finding.grant;
      const message = `${operation} is granted to ${describeCaller(caller)}, where nobody needs it`;
      return { file, line, message, hint: 'remove the grant, or have the caller state its need' };
    }
    case 'guardrail-refused': {
      const { caller, operation, reason, guardrail } = finding.denial;
      const message = `${caller} may not use ${operation}: ${reason}`;
      return { file, line, message, hint: `guardrail ${guardrail.file}:${guardrail.line}` };
    }
  }
}

/** Such as `team rides` or `fare`. */
export function describeCaller({ kind, name }: CallerSelector): string {
  return kind === 'service' ? name : `${kind} ${name}`;
}

function subject(finding: Finding): Witness {
  if (finding.kind === 'ungranted-need') return finding.need.witness;
  return finding.kind === 'unused-grant' ? finding.grant.witness : finding.need;
}
