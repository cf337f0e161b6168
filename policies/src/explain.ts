import { type Edge, edgeId, type Witness } from '@dotline/model/edge';
import { egressServiceOf } from '@dotline/model/egress';
import type { Mesh, Operation, OperationClass, Service } from '@dotline/model/mesh';
import type { RequestPolicy, RequestRule } from '@dotline/model/request-policy';
import { describeCaller } from './finding.js';
import { type Agreement, edgesOf, joinRelations } from './join-relations.js';
import { nearestName } from './nearest-name.js';
import { teamPackage } from './policy-unit.js';
import {
  type CallerSelector,
  compareText,
  compareWitnesses,
  type GuardrailDenial,
  type PolicyRelations,
} from './relations.js';

/** A rule that a team must add, ready to paste. */
export interface MissingRule {
  readonly side: 'need' | 'grant';
  readonly team: string;
  /** Whom to ask. */
  readonly contact: string;
  /** Relative to the mesh directory: where the team states such rules already, or a new file. */
  readonly file: string;
  /** What the file starts with. */
  readonly packageLine: string;
  readonly rego: string;
}

/**
 * One operation of the callee, seen from the caller. `agreed`: the edge has it. `refused`: both sides agree, but
 * a guardrail forbids it. `blocked`: rules are missing.
 */
export interface OperationExplanation {
  readonly operation: string;
  readonly class: OperationClass;
  readonly state: 'agreed' | 'refused' | 'blocked';
  /** The rule that states the need, when there is one. */
  readonly need?: Witness;
  /** What the caller uses it for, sorted: of an agreed operation what is allowed, else what was asked for. */
  readonly purposes: readonly string[];
  /** Whether the caller says that it works on without the operation. */
  readonly optional: boolean;
  /** The rule that consents, when there is one. */
  readonly grant?: Witness;
  /** Whom the operation is granted to at present, in words, sorted. */
  readonly grantedTo: readonly string[];
  readonly refusals: readonly GuardrailDenial[];
  readonly missing: readonly MissingRule[];
  /** The rule that has each request decided when it comes, when there is one. */
  readonly decided?: RequestRule;
}

/** Why `from` may, or may not, talk to `to`. Plain data. */
export interface Explanation {
  readonly from: string;
  readonly to: string;
  /** `unknown`: there is no such service in the mesh. */
  readonly verdict: 'allowed' | 'refused' | 'blocked' | 'unknown';
  /** One sentence for a terminal or a page. */
  readonly summary: string;
  /** The edge with its proof, when the verdict is `allowed`. */
  readonly edge?: Edge;
  /** Every operation of `to`, sorted by id. */
  readonly operations: readonly OperationExplanation[];
}

/**
 * Explains one line of the picture, or its absence: the proof, the rules that are missing and who adds them, or
 * the guardrail that forbids it. `target` is a service, or a host outside of the mesh. Works on what `PolicyCompiler.compile` returned or on what was stored of it.
 */
export function explain(
  mesh: Mesh,
  relations: PolicyRelations,
  from: string,
  target: string,
  requestPolicies: readonly RequestPolicy[] = [],
): Explanation {
  const to = egressServiceOf(mesh, target) ?? target;
  const caller = mesh.services.find((service) => service.name === from);
  const callee = mesh.services.find((service) => service.name === to);
  if (caller === undefined || callee === undefined) return unknownServices(mesh, from, to);

  // Only what speaks of this callee can matter, so a picture of thousands of edges costs no more than one.
  const concerns = ({ operation }: { operation: string }) =>
    callee.operations.some((offered) => offered.id === operation);
  const stated = {
    needs: relations.needs.filter((need) => need.service === from && concerns(need)),
    grants: relations.grants.filter(concerns),
    baseline: relations.baseline.filter((each) => each.service === from && concerns(each)),
  };
  const refused = relations.refused.filter((denial) => denial.caller === from && concerns(denial));
  const { agreements } = joinRelations(mesh, stated);
  const edge = edgesOf(agreements, refused).find((each) => each.id === edgeId(from, to));
  const operations = [...callee.operations]
    .sort((a, b) => compareText(a.id, b.id))
    .map((operation) =>
      explainOperation({ mesh, relations, caller, callee, agreements, refused, edge }, operation),
    )
    .map((each) => withDecision(each, requestPolicies));
  const verdict =
    edge !== undefined
      ? 'allowed'
      : operations.some(({ state }) => state === 'refused')
        ? 'refused'
        : 'blocked';
  const summary = summarise(from, to, verdict, operations);
  return { from, to, verdict, summary, ...(edge === undefined ? {} : { edge }), operations };
}

function withDecision(
  explanation: OperationExplanation,
  requestPolicies: readonly RequestPolicy[],
): OperationExplanation {
  const decided = requestPolicies
    .flatMap(({ rules }) => rules)
    .find(({ operation }) => operation === explanation.operation);
  return decided === undefined ? explanation : { ...explanation, decided };
}

interface Question {
  readonly mesh: Mesh;
  readonly relations: PolicyRelations;
  readonly caller: Service;
  readonly callee: Service;
  readonly agreements: readonly Agreement[];
  readonly refused: readonly GuardrailDenial[];
  readonly edge: Edge | undefined;
}

function explainOperation(question: Question, operation: Operation): OperationExplanation {
  const { relations, caller, callee } = question;
  const names = { operation: operation.id, class: operation.class };
  const grants = relations.grants.filter((grant) => grant.operation === operation.id);
  const grantedTo = [...new Set(grants.map((grant) => describeCaller(grant.caller)))].sort();
  const needs = relations.needs.filter(
    (each) => each.service === caller.name && each.operation === operation.id,
  );
  const stated = {
    purposes: [...new Set(needs.flatMap(({ purpose = [] }) => purpose))].sort(),
    optional: needs.some((each) => each.optional === true),
  };
  const refusals = question.refused.filter((denial) => denial.operation === operation.id);
  const agreed = question.edge?.operations.find((each) => each.operation === operation.id);
  if (agreed !== undefined) {
    const { need, grant, purposes = [] } = agreed;
    const { optional } = stated;
    const found = { ...names, state: 'agreed', purposes, optional } as const;
    return { ...found, need, grant, grantedTo, refusals, missing: [] };
  }
  const agreement = question.agreements.find((each) => each.operation === operation.id);
  if (agreement !== undefined) {
    const { need, grant } = agreement;
    return { ...names, ...stated, state: 'refused', need, grant, grantedTo, refusals, missing: [] };
  }
  const need = needs.map((each) => each.witness).sort(compareWitnesses)[0];
  const grant = grants
    .filter((each) => includes(each.caller, caller))
    .map((each) => each.witness)
    .sort(compareWitnesses)[0];
  const missing: MissingRule[] = [];
  if (need === undefined) missing.push(missingNeed(question, operation));
  if (grant === undefined) missing.push(missingGrant(question, operation, callee));
  return {
    ...names,
    ...stated,
    state: 'blocked',
    ...(need === undefined ? {} : { need }),
    ...(grant === undefined ? {} : { grant }),
    grantedTo,
    refusals: [],
    missing,
  };
}

function includes({ kind, name }: CallerSelector, service: Service): boolean {
  if (kind === 'service') return service.name === name;
  return service[kind] === name;
}

function missingNeed(
  { mesh, relations, caller, callee }: Question,
  operation: Operation,
): MissingRule {
  const rules = relations.needs.filter((need) => need.witness.team === caller.team);
  const own = rules.filter((need) => need.service === caller.name);
  const [purpose] = operation.purposes ?? [];
  const facts = [
    `"service": "${caller.name}", "operation": "${operation.id}"`,
    ...(purpose === undefined ? [] : [`"purpose": "${purpose}"`]),
    ...(caller.tier === 'critical' && callee.tier !== 'critical' ? ['"optional": true'] : []),
  ];
  return {
    ...addressOf(mesh, caller.team, 'need', own.length > 0 ? own : rules),
    rego: `needs contains {${facts.join(', ')}}`,
  };
}

function missingGrant(
  { mesh, relations, caller }: Question,
  operation: Operation,
  callee: Service,
): MissingRule {
  const rules = relations.grants.filter((grant) => grant.witness.team === callee.team);
  const own = rules.filter((grant) => grant.operation.startsWith(`${callee.name}.`));
  return {
    ...addressOf(mesh, callee.team, 'grant', own.length > 0 ? own : rules),
    rego: `grants contains {"operation": "${operation.id}", "caller": {"service": "${caller.name}"}}`,
  };
}

function addressOf(
  mesh: Mesh,
  team: string,
  side: 'need' | 'grant',
  rules: readonly { readonly witness: Witness }[],
): Omit<MissingRule, 'rego'> {
  const [first] = rules.map(({ witness }) => witness).sort(compareWitnesses);
  return {
    side,
    team,
    contact: mesh.teams.find((each) => each.name === team)?.contact ?? mesh.contact,
    file: first?.file ?? `policies/teams/${team}/${side}s.rego`,
    packageLine: `package ${teamPackage(team)}`,
  };
}

function unknownServices(mesh: Mesh, from: string, to: string): Explanation {
  const known = mesh.services.map((service) => service.name);
  const words = [...new Set([from, to])]
    .filter((name) => !known.includes(name))
    .map((name) => {
      const nearest = nearestName(name, known);
      const hint = nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
      return `there is no service ${name}${hint}`;
    });
  return { from, to, verdict: 'unknown', summary: words.join('; '), operations: [] };
}

function summarise(
  from: string,
  to: string,
  verdict: Explanation['verdict'],
  operations: readonly OperationExplanation[],
): string {
  const agreed = operations.filter(({ state }) => state === 'agreed');
  if (verdict === 'allowed') {
    return `${from} may use ${agreed.map(({ operation }) => operation).join(', ')}`;
  }
  const refusal = operations.flatMap(({ refusals }) => refusals)[0];
  if (refusal !== undefined) {
    const { file, line } = refusal.guardrail;
    return `${from} may not talk to ${to}: ${refusal.reason} (guardrail ${file}:${line})`;
  }
  if (operations.length === 0) return `${to} offers no operations`;
  const half = operations.find(({ missing }) => missing.length === 1) ?? operations[0];
  const asked = half?.missing.map(({ side, team }) => `a ${side} of team ${team}`).join(' and ');
  return `${from} may not talk to ${to}: ${half?.operation} lacks ${asked}`;
}
