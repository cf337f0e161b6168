import type { Witness } from '@dotline/model/edge';
import type { Mesh } from '@dotline/model/mesh';
import type { Problem } from '@dotline/model/mesh-error';
import { type Agreement, isRefusedBy, type Join } from './join-relations.js';
import {
  type CallerSelector,
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
  const agreements = new Map<string, Agreement[]>();
  for (const agreement of join.agreements) {
    const key = `${agreement.caller} ${agreement.operation}`;
    agreements.set(key, [...(agreements.get(key) ?? []), agreement]);
  }
  const findings: Finding[] = [
    ...join.ungranted.map((need) => ({
      kind: 'ungranted-need' as const,
      team: need.witness.team,
      need,
    })),
    ...join.unused.map(unusedGrant),
    ...refused.flatMap((denial) => {
      const agreement = agreements
        .get(`${denial.caller} ${denial.operation}`)
        ?.find((each) => isRefusedBy(each, denial));
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
  return compareText(a.kind, b.kind) || compareText(contentOf(a), contentOf(b));
}

const contents = new WeakMap<Finding, string>();

function contentOf(finding: Finding): string {
  const known = contents.get(finding) ?? wordsOf(finding);
  contents.set(finding, known);
  return known;
}

/** What tells findings of one kind and place apart; there can be thousands of the first two. */
function wordsOf(finding: Finding): string {
  switch (finding.kind) {
    case 'unused-grant': {
      const { operation, caller } = finding.grant;
      return `${operation} ${caller.kind} ${caller.name}`;
    }
    case 'ungranted-need': {
      const { service, operation, purpose = '', optional = false } = finding.need;
      return `${service} ${operation} ${purpose} ${optional}`;
    }
    case 'guardrail-refused':
      return JSON.stringify(finding);
  }
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
