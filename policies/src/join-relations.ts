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
export interface Join {
  /** Sorted by caller, operation and purpose; one for each three. */
  readonly agreements: readonly Agreement[];
  readonly ungranted: readonly Need[];
  readonly unused: readonly Grant[];
}

/** The narrower the consent, the better it proves an edge. */
const NARROWNESS: Readonly<Record<CallerKind, number>> = {
  service: 0,
  team: 1,
  tier: 2,
  product: 3,
};
const CALLER_KINDS: readonly CallerKind[] = ['service', 'team', 'tier', 'product'];

/**
 * needs ∩ grants, plus the baseline. A hash join: each need looks up at most four keys (its service, and that
 * service's team, tier and product). The result does not depend on the order of the relations.
 */
export function joinRelations(mesh: Mesh, stated: StatedRelations): Join {
  const services = new Map(mesh.services.map((service) => [service.name, service]));
  const operations = new Map(
    mesh.services.flatMap((service) => service.operations).map((each) => [each.id, each]),
  );
  return joinOver({ services, operations }, stated);
}

/** The same for whoever has the services and operations by name already. */
export function joinOver(
  {
    services,
    operations,
  }: {
    readonly services: ReadonlyMap<string, Service>;
    readonly operations: ReadonlyMap<string, Operation>;
  },
  stated: StatedRelations,
): Join {
  const index = new GrantIndex(stated.grants);
  const used = new Set<Grant>();
  const ungranted: Need[] = [];
  /** By caller, then operation: one for each purpose. */
  const agreements = new Map<string, Map<string, Agreement[]>>();
  const agree = (
    { service, operation, purpose = '', optional = false, witness: need }: Need,
    grant: Witness,
    grantedTo: Agreement['grantedTo'],
  ) => {
    const found = operations.get(operation);
    if (found === undefined) return;
    const ofCaller = entry(agreements, service, () => new Map<string, Agreement[]>());
    const same = entry(ofCaller, operation, (): Agreement[] => []);
    const at = same.findIndex((each) => each.purpose === purpose);
    const before = same[at];
    if (before === undefined) {
      same.push({
        caller: service,
        callee: found.service,
        operation,
        class: found.class,
        purpose,
        optional,
        need,
        grant,
        grantedTo: grantedTo.length === 1 ? grantedTo : [...new Set(grantedTo)].sort(),
      });
      return;
    }
    same[at] = {
      ...before,
      optional: before.optional || optional,
      need: smaller(before.need, need),
      grantedTo: [...new Set([...before.grantedTo, ...grantedTo])].sort(),
    };
  };

  for (const need of stated.needs) {
    const service = services.get(need.service);
    const matching = service === undefined ? [] : index.matching(service, need.operation);
    const [proof] = matching.length === 1 ? matching : [...matching].sort(compareProofs);
    if (proof === undefined) {
      ungranted.push(need);
      continue;
    }
    for (const grant of matching) used.add(grant);
    const kinds = matching.map((grant) => grant.caller.kind);
    agree(need, proof.witness, kinds);
  }
  // Teams' own consent is the better proof, so the baseline only adds what is not agreed already.
  const baseline = [...stated.baseline].sort((a, b) => compareWitnesses(a.witness, b.witness));
  for (const allowance of baseline) {
    agree(allowance, allowance.witness, ['baseline']);
  }
  return {
    agreements: inOrder(agreements).flatMap((ofCaller) =>
      inOrder(ofCaller).flatMap((same) =>
        same.length === 1 ? same : same.sort((a, b) => compareText(a.purpose, b.purpose)),
      ),
    ),
    ungranted: ungranted.filter((need) => !agreements.get(need.service)?.has(need.operation)),
    unused: stated.grants.filter((grant) => !used.has(grant)),
  };
}

/** The values of a map in the order of its keys. */
function inOrder<Value>(map: ReadonlyMap<string, Value>): Value[] {
  return [...map].sort(([a], [b]) => compareText(a, b)).map(([, value]) => value);
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

/** Edges of the agreements that no guardrail refuses, sorted by id. */
export function edgesOf(
  agreements: readonly Agreement[],
  refused: readonly GuardrailDenial[],
): Edge[] {
  const refusals = new Map<string, GuardrailDenial[]>();
  for (const denial of refused) {
    refusals.set(pairOf(denial), [...(refusals.get(pairOf(denial)) ?? []), denial]);
  }
  const allowed = new Map<string, Map<string, [Agreement, ...Agreement[]]>>();
  for (const agreement of agreements) {
    const denials = refusals.size === 0 ? undefined : refusals.get(pairOf(agreement));
    if (denials?.some((denial) => isRefusedBy(agreement, denial))) continue;
    const ofCaller = entry(allowed, agreement.caller, () => new Map());
    const same = ofCaller.get(agreement.operation);
    if (same === undefined) ofCaller.set(agreement.operation, [agreement]);
    else same.push(agreement);
  }
  const edges: Edge[] = [];
  for (const [caller, ofCaller] of allowed) {
    const operations = new Map<string, AgreedOperation[]>();
    for (const [first, ...others] of ofCaller.values()) {
      const ofEdge = entry(operations, first.callee, (): AgreedOperation[] => []);
      ofEdge.push(agreedOperation(first, others));
    }
    for (const [callee, agreed] of operations) {
      edges.push({ id: edgeId(caller, callee), caller, callee, operations: agreed });
    }
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
class GrantIndex {
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
