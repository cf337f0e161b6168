import type { Mesh, Service } from '@dotline/model/mesh';
import type { PolicyState } from './policy-diff.js';
import { type CallerSelector, compareText, type Grant, type Need } from './relations.js';
import type { UnusedReport } from './unused-edges.js';

/** A need or a grant. */
export type Relation = Need | Grant;

/** A rule of which something is unused. */
export interface RuleUse {
  readonly kind: 'need' | 'grant';
  readonly file: string;
  readonly line: number;
  readonly team: string;
  readonly title: string | undefined;
  /** What it states at present; never empty. */
  readonly unused: readonly Relation[];
  readonly used: readonly Relation[];
}

/** What can go. */
export interface PrunePlan {
  /** Sorted by place. */
  readonly rules: readonly RuleUse[];
  /** `<caller> <operation>` of what was judged unused. */
  readonly unusedPairs: ReadonlySet<string>;
}

/**
 * The rules of one team or of all of which something is unused. A grant is unused when everything that it allows
 * is, whoever else allows it; what is too young to judge counts as used.
 */
export function prunePlan(
  { mesh, relations }: PolicyState,
  report: UnusedReport,
  team?: string,
): PrunePlan {
  const unusedPairs = new Set(
    report.edges.flatMap(({ caller, operations }) =>
      operations
        .filter(({ judgement }) => judgement === 'unused')
        .map(({ operation }) => `${caller} ${operation}`),
    ),
  );
  const idle = new Set<Relation>(
    [...report.needs, ...report.grants]
      .filter(({ judgement }) => judgement === 'unused')
      .map(({ relation }) => relation),
  );
  const isUnusedPair = (need: Need) => unusedPairs.has(`${need.service} ${need.operation}`);
  const consents = consentsOf(mesh, relations.needs);
  const rules = [
    ...rulesOf('need', relations.needs, (need) => idle.has(need) || isUnusedPair(need)),
    ...rulesOf('grant', relations.grants, (grant) => {
      const needs = consents(grant);
      return idle.has(grant) || (needs.length > 0 && needs.every(isUnusedPair));
    }),
  ];
  return {
    rules: rules
      .filter((rule) => rule.unused.length > 0 && (team === undefined || rule.team === team))
      .sort(byPlace),
    unusedPairs,
  };
}

/** Whether a selector names a service. */
export function selects({ kind, name }: CallerSelector, service: Service): boolean {
  return kind === 'service' ? service.name === name : service[kind] === name;
}

/** Answers which needs a grant consents to. */
export function consentsOf(mesh: Mesh, needs: readonly Need[]): (grant: Grant) => readonly Need[] {
  const services = new Map(mesh.services.map((service) => [service.name, service]));
  const byOperation = new Map<string, Need[]>();
  for (const need of needs) {
    byOperation.set(need.operation, [...(byOperation.get(need.operation) ?? []), need]);
  }
  return ({ operation, caller }) =>
    (byOperation.get(operation) ?? []).filter((need) => {
      const service = services.get(need.service);
      return service !== undefined && selects(caller, service);
    });
}

function rulesOf<One extends Relation>(
  kind: RuleUse['kind'],
  relations: readonly One[],
  isUnused: (relation: One) => boolean,
): RuleUse[] {
  const rules = new Map<string, { used: One[]; unused: One[] }>();
  for (const relation of relations) {
    const { file, line } = relation.witness;
    const rule = rules.get(`${file}:${line}`) ?? { used: [], unused: [] };
    rules.set(`${file}:${line}`, rule);
    (isUnused(relation) ? rule.unused : rule.used).push(relation);
  }
  return [...rules.values()].flatMap(({ used, unused }) => {
    const [first] = [...unused, ...used];
    if (first === undefined) return [];
    const { file, line, team, title } = first.witness;
    return [{ kind, file, line, team, title, unused, used }];
  });
}

function byPlace(a: RuleUse, b: RuleUse): number {
  return compareText(a.file, b.file) || a.line - b.line;
}
