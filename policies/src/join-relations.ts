import { type AgreedOperation, type Edge, edgeId, type Witness } from '@dotline/model/edge';
import type { Mesh, Operation, OperationClass, Service } from '@dotline/model/mesh';
import {
  type CallerKind,
  compareText,
  compareWitnesses,
  type Grant,
  type GuardrailDenial,
  type Need,
  type StatedRelations,
} from './relations.js';

/** An operation that one caller may use for one purpose, if no guardrail objects. */
export interface Agreement {
  readonly caller: string;
  readonly callee: string;
  readonly operation: string;
  readonly class: OperationClass;
  /** Empty when the need states none. */
  readonly purpose: string;
  /** Whether a need says that the caller works on without it. */
  readonly optional: boolean;
  readonly need: Witness;
  readonly grant: Witness;
  /** How consent was given: the kinds of caller that matching grants name, sorted; `baseline` for the platform's. */
  readonly grantedTo: readonly (CallerKind | 'baseline')[];
}

/** An agreement as guardrails see it in `input.candidates`. */
export interface Candidate extends Omit<Agreement, 'need' | 'grant'> {
  /** Cells, sorted; guardrails alone see them, so that scaling a service has no team's policies evaluated. */
  readonly callerCells: readonly string[];
  readonly calleeCells: readonly string[];
  readonly sharedCells: readonly string[];
}

/** What joining relations gives, before guardrails are asked. */
export interface Join extends NeedJoin {
  readonly unused: readonly Grant[];
}

/** What needs come to. */
export interface NeedJoin {
  /** Sorted by caller, operation and purpose; one for each three. */
  readonly agreements: readonly Agreement[];
  readonly ungranted: readonly Need[];
}

/** The narrower the consent, the better it proves an edge. */
const NARROWNESS: Readonly<Record<CallerKind, number>> = {
  service: 0,
  team: 1,
  tier: 2,
  product: 3,
};
const CALLER_KINDS: readonly CallerKind[] = ['service', 'team', 'tier', 'product'];
/** The usual ways of consent, one object each. */
const BY_ONE: Readonly<Record<CallerKind | 'baseline', Agreement['grantedTo']>> = {
  service: ['service'],
  team: ['team'],
  tier: ['tier'],
  product: ['product'],
  baseline: ['baseline'],
};

/**
 * needs ∩ grants, plus the baseline. A hash join: each need looks up at most four keys (its service, and that
 * service's team, tier and product). The result does not depend on the order of the relations.
 */
export function joinRelations(mesh: Mesh, stated: StatedRelations): Join {
  const services = new Map(mesh.services.map((service) => [service.name, service]));
  const operations = new Map(
    mesh.services.flatMap((service) => service.operations).map((each) => [each.id, each]),
  );
  const grants = new GrantIndex(stated.grants);
  const used = new Set<Grant>();
  const join = joinNeeds({ services, operations }, stated, () => grants, used);
  return { ...join, unused: stated.grants.filter((grant) => !used.has(grant)) };
}

/**
 * The same for some needs, by whoever has the services, operations and grants by name already.
 * @param grantsOf where the grants of an operation are found, if there are any
 * @param used to which the grants are added that the needs use
 */
export function joinNeeds(
  {
    services,
    operations,
  }: {
    readonly services: ReadonlyMap<string, Service>;
    readonly operations: ReadonlyMap<string, Operation>;
  },
  { needs, baseline }: Pick<StatedRelations, 'needs' | 'baseline'>,
  grantsOf: (operation: string) => GrantIndex | undefined,
  used: Set<Grant>,
): NeedJoin {
  const ungranted: Need[] = [];
  const agreements: Agreement[] = [];
  const agree = (
    { service, operation, purpose = '', optional = false, witness: need }: Need,
    grant: Witness,
    grantedTo: Agreement['grantedTo'],
  ) => {
    const found = operations.get(operation);
    if (found === undefined) return;
    agreements.push({
      caller: service,
      callee: found.service,
      operation,
      class: found.class,
      purpose,
      optional,
      need,
      grant,
      grantedTo,
    });
  };

  for (const need of needs) {
    const service = services.get(need.service);
    const matching =
      service === undefined
        ? []
        : (grantsOf(need.operation)?.matching(service, need.operation) ?? []);
    const [proof, ...others] = matching.length < 2 ? matching : [...matching].sort(compareProofs);
    if (proof === undefined) {
      ungranted.push(need);
      continue;
    }
    for (const grant of matching) used.add(grant);
    const { kind } = proof.caller;
    const kinds =
      others.length === 0 ? BY_ONE[kind] : kindsOf(matching.map((each) => each.caller.kind));
    agree(need, proof.witness, kinds);
  }
  // Teams' own consent is the better proof, so the baseline only adds what is not agreed already.
  const allowances = [...baseline].sort((a, b) => compareWitnesses(a.witness, b.witness));
  for (const allowance of allowances) agree(allowance, allowance.witness, BY_ONE.baseline);
  agreements.sort(compareAgreements);
  const agreed = new Set(ungranted.length === 0 ? [] : agreements.map(pairOf));
  return {
    agreements: withoutRepeats(agreements),
    ungranted: ungranted.filter(
      ({ service, operation }) => !agreed.has(pairOf({ caller: service, operation })),
    ),
  };
}

function compareAgreements(a: Agreement, b: Agreement): number {
  return (
    compareText(a.caller, b.caller) ||
    compareText(a.operation, b.operation) ||
    compareText(a.purpose, b.purpose)
  );
}

/** Sorted agreements, those of one caller, operation and purpose made one. */
function withoutRepeats(sorted: readonly Agreement[]): Agreement[] {
  const distinct: Agreement[] = [];
  let last: Agreement | undefined;
  for (const agreement of sorted) {
    if (last === undefined || compareAgreements(last, agreement) !== 0) {
      distinct.push(agreement);
      last = agreement;
      continue;
    }
    last = {
      ...last,
      optional: last.optional || agreement.optional,
      need: smaller(last.need, agreement.need),
      grantedTo: kindsOf([...last.grantedTo, ...agreement.grantedTo]),
    };
    distinct[distinct.length - 1] = last;
  }
  return distinct;
}

function kindsOf(kinds: Agreement['grantedTo']): Agreement['grantedTo'] {
  return [...new Set(kinds)].sort();
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

/** The agreements as guardrails see them. */
export function candidatesOf(
  services: ReadonlyMap<string, Pick<Service, 'placement'>>,
  agreements: readonly Agreement[],
): Candidate[] {
  const cells = new Map<string, string[]>();
  const cellsOf = (name: string) => {
    const known = cells.get(name) ?? [...new Set(services.get(name)?.placement)].sort();
    cells.set(name, known);
    return known;
  };
  return agreements.map((agreement) => {
    const { caller, callee, operation, purpose, optional, grantedTo } = agreement;
    const callerCells = cellsOf(caller);
    const calleeCells = cellsOf(callee);
    const sharedCells = callerCells.filter((cell) => calleeCells.includes(cell));
    const stated = { caller, callee, operation, class: agreement.class, purpose, optional };
    return { ...stated, grantedTo, callerCells, calleeCells, sharedCells };
  });
}

/** The denials that refuse some agreement. */
export function denialsOf(
  agreements: readonly Agreement[],
  denials: readonly GuardrailDenial[],
): GuardrailDenial[] {
  if (denials.length === 0) return [];
  const purposes = new Map<string, Set<string>>();
  for (const agreement of agreements) {
    const pair = pairOf(agreement);
    purposes.set(pair, (purposes.get(pair) ?? new Set()).add(agreement.purpose));
  }
  return denials.filter((denial) => {
    const agreed = purposes.get(pairOf(denial));
    return agreed !== undefined && (denial.purpose === undefined || agreed.has(denial.purpose));
  });
}

/** Whether a denial is about an agreement. */
export function isRefusedBy(agreement: Agreement, denial: GuardrailDenial): boolean {
  return (
    pairOf(agreement) === pairOf(denial) &&
    (denial.purpose ?? agreement.purpose) === agreement.purpose
  );
}

/**
 * Edges of the agreements that no guardrail refuses, sorted by id.
 * @param agreements in the order of a join: those of one caller and operation stand together, and so do those of
 *   one callee, whose name its operations begin with
 */
export function edgesOf(
  agreements: readonly Agreement[],
  refused: readonly GuardrailDenial[],
): Edge[] {
  const refusals = new Map<string, GuardrailDenial[]>();
  for (const denial of refused) {
    refusals.set(pairOf(denial), [...(refusals.get(pairOf(denial)) ?? []), denial]);
  }
  const isAllowed = (agreement: Agreement) =>
    !refusals.get(pairOf(agreement))?.some((denial) => isRefusedBy(agreement, denial));
  const allowed = refusals.size === 0 ? agreements : agreements.filter(isAllowed);
  const edges: Edge[] = [];
  let operations: AgreedOperation[] = [];
  for (let at = 0, end: number; at < allowed.length; at = end) {
    const first = allowed[at];
    if (first === undefined) break;
    const { caller, callee, operation } = first;
    for (end = at + 1; end < allowed.length; end++) {
      const next = allowed[end];
      if (next?.operation !== operation || next.caller !== caller) break;
    }
    const last = edges.at(-1);
    if (last?.caller !== caller || last.callee !== callee) {
      operations = [];
      edges.push({ id: edgeId(caller, callee), caller, callee, operations });
    }
    operations.push(agreedOperation(first, allowed.slice(at + 1, end)));
  }
  return edges.sort((a, b) => compareText(a.id, b.id));
}

/** One operation, agreed for one purpose or several. */
function agreedOperation(first: Agreement, others: readonly Agreement[]): AgreedOperation {
  if (others.length === 0 && first.purpose === '') {
    return { operation: first.operation, need: first.need, grant: first.grant };
  }
  const all = [first, ...others];
  const proof = others.reduce(betterProof, first);
  const purposes = [...new Set(all.map(({ purpose }) => purpose))].filter((each) => each !== '');
  return {
    operation: first.operation,
    need: proof.need,
    grant: proof.grant,
    ...(purposes.length === 0 ? {} : { purposes: purposes.sort() }),
  };
}

/** What teams agreed on proves more than the baseline; of equals, the first by place. */
function betterProof(a: Agreement, b: Agreement): Agreement {
  const ofBaseline = ({ need, grant }: Agreement) => Number(need === grant);
  const order = ofBaseline(a) - ofBaseline(b) || compareWitnesses(a.need, b.need);
  return order <= 0 ? a : b;
}

/** What traffic is enforced by; a purpose is agreed between people. */
export function pairOf({ caller, operation }: { caller: string; operation: string }): string {
  return `${caller} ${operation}`;
}

/** So many grants of one operation are looked through; of more, there is an index. */
const LOOKED_THROUGH_MAX = 16;

/** Grants by operation, then by whom they let in. */
export class GrantIndex {
  readonly #grants = new Map<string, Grant[]>();
  /** Of operations with many grants, by kind and name of the caller. */
  readonly #many = new Map<string, Map<string, Grant[]>>();

  constructor(grants: readonly Grant[]) {
    for (const grant of grants) {
      entry(this.#grants, grant.operation, (): Grant[] => []).push(grant);
    }
  }

  matching(service: Service, operation: string): Grant[] {
    const grants = this.#grants.get(operation) ?? [];
    if (grants.length <= LOOKED_THROUGH_MAX) {
      return grants.filter(({ caller: { kind, name } }) => nameOf(service, kind) === name);
    }
    const byCaller = entry(this.#many, operation, () => indexByCaller(grants));
    return CALLER_KINDS.flatMap((kind) => byCaller.get(`${kind} ${nameOf(service, kind)}`) ?? []);
  }
}

function indexByCaller(grants: readonly Grant[]): Map<string, Grant[]> {
  const index = new Map<string, Grant[]>();
  for (const grant of grants) {
    entry(index, `${grant.caller.kind} ${grant.caller.name}`, (): Grant[] => []).push(grant);
  }
  return index;
}

function nameOf(service: Service, kind: CallerKind): string {
  return kind === 'service' ? service.name : service[kind];
}

function compareProofs(a: Grant, b: Grant): number {
  return (
    NARROWNESS[a.caller.kind] - NARROWNESS[b.caller.kind] || compareWitnesses(a.witness, b.witness)
  );
}

function smaller(a: Witness, b: Witness): Witness {
  return compareWitnesses(a, b) <= 0 ? a : b;
}
