import type { Witness } from '@dotline/model/edge';
import type { PolicyState } from './policy-diff.js';
import { consentsOf, prunePlan, selects } from './prune-plan.js';
import { type CallerSelector, compareText, type Grant, type Need } from './relations.js';
import type { ObservedUse } from './suggest-observed.js';
import type { UnusedReport } from './unused-edges.js';

/** A rule of one team to be written; it states every pair of its lists. */
export type SuggestedRule = SuggestedNeed | SuggestedGrant;

interface Suggested {
  readonly team: string;
  /** Operation ids of one callee, sorted. */
  readonly operations: readonly string[];
  /** Why, one line each. */
  readonly reasons: readonly string[];
  /** The rules that it is to take the place of. */
  readonly replaces: readonly Witness[];
}

export interface SuggestedNeed extends Suggested {
  readonly side: 'need';
  readonly service: string;
  /** What the need says besides, such as a purpose that was stated already. */
  readonly purpose: string | undefined;
  readonly optional: boolean;
}

export interface SuggestedGrant extends Suggested {
  readonly side: 'grant';
  /** All of one kind, sorted. */
  readonly callers: readonly CallerSelector[];
}

/** The rules that are missing for uses that were denied: of each the need, the grant, or both. */
export function missingRules(
  { mesh, relations }: PolicyState,
  uses: readonly ObservedUse[],
): SuggestedRule[] {
  const services = new Map(mesh.services.map((service) => [service.name, service]));
  const stated = new Set(relations.needs.map((need) => `${need.service} ${need.operation}`));
  const grants = new Map<string, Grant[]>();
  for (const grant of relations.grants) {
    grants.set(grant.operation, [...(grants.get(grant.operation) ?? []), grant]);
  }
  const isGranted = ({ caller, operation }: ObservedUse) => {
    const service = services.get(caller);
    return (grants.get(operation) ?? []).some(
      (grant) => service !== undefined && selects(grant.caller, service),
    );
  };
  return [
    ...needsFor(
      uses.filter(({ caller, operation }) => !stated.has(`${caller} ${operation}`)),
      (use) => [{ use, purpose: undefined, optional: false }],
      mesh,
      'denied',
    ),
    ...grantsFor(
      uses.filter((use) => !isGranted(use)),
      mesh,
      'denied',
    ),
  ];
}

/** Rules for exactly these uses, each caller named; what needs say besides is kept. */
export function wholeRules(
  { mesh, relations }: PolicyState,
  uses: readonly ObservedUse[],
): SuggestedRule[] {
  const stated = new Map<string, Need[]>();
  for (const need of relations.needs) {
    const key = `${need.service} ${need.operation}`;
    stated.set(key, [...(stated.get(key) ?? []), need]);
  }
  const saidOf = (use: ObservedUse) => {
    const needs = stated.get(`${use.caller} ${use.operation}`) ?? [];
    const said = needs.map(({ purpose, optional = false }) => ({ use, purpose, optional }));
    return said.length === 0 ? [{ use, purpose: undefined, optional: false }] : said;
  };
  return [...needsFor(uses, saidOf, mesh, 'observed'), ...grantsFor(uses, mesh, 'observed')];
}

/**
 * Narrower rules for grants to whole teams, tiers or products of which only some services make use. What is too
 * young to judge counts as used; what nobody uses is left out.
 */
export function narrowerGrants(state: PolicyState, report: UnusedReport): SuggestedGrant[] {
  const { mesh, relations } = state;
  const { rules: unusedRules, unusedPairs } = prunePlan(state, report);
  const unused = new Set(unusedRules.flatMap((rule) => rule.unused));
  const byRule = new Map<string, Grant[]>();
  for (const grant of relations.grants) {
    const place = `${grant.witness.file}:${grant.witness.line}`;
    byRule.set(place, [...(byRule.get(place) ?? []), grant]);
  }
  const consents = consentsOf(mesh, relations.needs);
  const users = (grant: Grant) =>
    [...new Set(consents(grant).map(({ service }) => service))]
      .filter((service) => !unusedPairs.has(`${service} ${grant.operation}`))
      .sort(compareText);
  const sizes = new Map<string, number>();
  for (const { team, tier, product } of mesh.services) {
    for (const [kind, name] of Object.entries({ team, tier, product })) {
      sizes.set(`${kind} ${name}`, (sizes.get(`${kind} ${name}`) ?? 0) + 1);
    }
  }
  const members = ({ caller }: Grant) => sizes.get(`${caller.kind} ${caller.name}`) ?? 1;
  const narrower = [...byRule.values()].flatMap((grants) => {
    const left = grants
      .filter((grant) => !unused.has(grant))
      .map((grant) => ({ grant, users: users(grant), members: members(grant) }));
    const narrowed = left.filter((each) => isNarrowed(each.grant, each.users, each.members));
    const [first] = grants;
    if (narrowed.length === 0 || first === undefined) return [];
    const groups = new Map<string, { callers: readonly CallerSelector[]; grants: Grant[] }>();
    for (const each of left) {
      const callers = narrowed.includes(each)
        ? each.users.map((name): CallerSelector => ({ kind: 'service', name }))
        : [each.grant.caller];
      const key = JSON.stringify(callers);
      const group = groups.get(key) ?? { callers, grants: [] };
      group.grants.push(each.grant);
      groups.set(key, group);
    }
    const [widest] = narrowed;
    const { kind, name } = widest?.grant.caller ?? first.caller;
    const reasons = [
      `Narrower than the grant to ${kind} ${name} (${widest?.members ?? 0} services), of which ${widest?.users.length ?? 0} made use.`,
    ];
    return [...groups.values()].map(
      (group): SuggestedGrant => ({
        side: 'grant',
        team: first.witness.team,
        operations: [...new Set(group.grants.map(({ operation }) => operation))].sort(compareText),
        callers: group.callers,
        reasons,
        replaces: [first.witness],
      }),
    );
  });
  // Several wide grants may become the same narrow one.
  return grouped(narrower, ({ team, operations, callers }) =>
    JSON.stringify([team, operations, callers]),
  ).flatMap((same) => {
    const [one] = same;
    if (one === undefined) return [];
    const reasons = [...new Set(same.flatMap((each) => each.reasons))];
    return [{ ...one, reasons, replaces: same.flatMap((each) => each.replaces) }];
  });
}

function isNarrowed({ caller }: Grant, users: readonly string[], members: number): boolean {
  return caller.kind !== 'service' && users.length > 0 && users.length < members;
}

type Word = 'denied' | 'observed';

interface SaidUse {
  readonly use: ObservedUse;
  readonly purpose: string | undefined;
  readonly optional: boolean;
}

/** One rule for each caller, callee and what the need says besides. */
function needsFor(
  uses: readonly ObservedUse[],
  saidOf: (use: ObservedUse) => readonly SaidUse[],
  mesh: PolicyState['mesh'],
  word: Word,
): SuggestedNeed[] {
  const groups = grouped(uses.flatMap(saidOf), ({ use, purpose = '', optional }) =>
    [use.caller, use.callee, purpose, optional].join(' '),
  );
  return groups.flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { use, purpose, optional } = first;
    const all = group.map((each) => each.use);
    return [
      {
        side: 'need' as const,
        team: teamOf(mesh, use.caller),
        service: use.caller,
        purpose,
        optional,
        operations: operationsOf(all),
        reasons: all.map((each) => reasonOf(each, word)),
        replaces: [],
      },
    ];
  });
}

/** One rule for the operations of a callee that the same services use. */
function grantsFor(
  uses: readonly ObservedUse[],
  mesh: PolicyState['mesh'],
  word: Word,
): SuggestedGrant[] {
  const byOperation = grouped(uses, ({ operation }) => operation);
  const callersOf = (all: readonly ObservedUse[]) => all.map(({ caller }) => caller).sort();
  const groups = grouped(byOperation, (all) => [all[0]?.callee, ...callersOf(all)].join(' '));
  return groups.flatMap((group) => {
    const [first] = group;
    const [use] = first ?? [];
    if (first === undefined || use === undefined) return [];
    return [
      {
        side: 'grant' as const,
        team: teamOf(mesh, use.callee),
        operations: operationsOf(group.flat()),
        callers: callersOf(first).map((name): CallerSelector => ({ kind: 'service', name })),
        reasons: group.flat().map((each) => reasonOf(each, word)),
        replaces: [],
      },
    ];
  });
}

function reasonOf({ caller, operation, requests, lastMs }: ObservedUse, word: Word): string {
  const last = new Date(lastMs).toISOString();
  // What was let through is counted by the hour.
  const at = word === 'denied' ? 'at' : 'in the hour from';
  const count = `${requests} ${requests === 1 ? 'request' : 'requests'}`;
  return `${caller} to ${operation}: ${count} ${word}, the last on ${last.slice(0, 10)} ${at} ${last.slice(11, 16)} UTC`;
}

function operationsOf(uses: readonly ObservedUse[]): string[] {
  return [...new Set(uses.map(({ operation }) => operation))].sort(compareText);
}

function teamOf(mesh: PolicyState['mesh'], service: string): string {
  return mesh.services.find(({ name }) => name === service)?.team ?? '';
}

/** Groups in the order of their keys. */
function grouped<Value>(values: readonly Value[], keyOf: (value: Value) => string): Value[][] {
  const groups = new Map<string, Value[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return [...groups].sort(([a], [b]) => compareText(a, b)).map(([, group]) => group);
}
