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
  const grantsByKey = new Map<string, Grant[]>();
  for (const grant of stated.grants) {
    const key = grantKey(grant.operation, grant.caller.kind, grant.caller.name);
    const same = grantsByKey.get(key);
    if (same === undefined) grantsByKey.set(key, [grant]);
    else same.push(grant);
  }

  const used = new Set<Grant>();
  const ungranted: Need[] = [];
  const agreements = new Map<string, Agreement>();
  const agree = (
    { service, operation, purpose = '', optional = false, witness: need }: Need,
    grant: Witness,
    grantedTo: Agreement['grantedTo'],
  ) => {
    const found = operations.get(operation);
    if (found === undefined) return;
    const key = `${service} ${operation} ${purpose}`;
    const before = agreements.get(key);
    if (before === undefined) {
      const kinds = grantedTo.length === 1 ? grantedTo : [...new Set(grantedTo)].sort();
      const names = { caller: service, callee: found.service, operation, class: found.class };
      agreements.set(key, { ...names, purpose, optional, need, grant, grantedTo: kinds });
      return;
    }
    agreements.set(key, {
      ...before,
      optional: before.optional || optional,
      need: smaller(before.need, need),
      grantedTo: [...new Set([...before.grantedTo, ...grantedTo])].sort(),
    });
  };

  for (const need of stated.needs) {
    const service = services.get(need.service);
    const matching = service === undefined ? [] : matchingGrants(grantsByKey, service, need);
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
  const agreed = new Set([...agreements.values()].map(pairOf));
  return {
    agreements: [...agreements.values()].sort(
      (a, b) =>
        compareText(a.caller, b.caller) ||
        compareText(a.operation, b.operation) ||
        compareText(a.purpose, b.purpose),
    ),
    ungranted: ungranted.filter((need) => !agreed.has(`${need.service} ${need.operation}`)),
    unused: stated.grants.filter((grant) => !used.has(grant)),
  };
}

/** The agreements as guardrails see them. */
export function candidatesOf(
  services: ReadonlyMap<string, Pick<Service, 'placement'>>,
  agreements: readonly Agreement[],
): Candidate[] {
  const cellsOf = (name: string) => [...new Set(services.get(name)?.placement)].sort();
  return agreements.map(({ need: _need, grant: _grant, ...candidate }) => {
    const callerCells = cellsOf(candidate.caller);
    const calleeCells = cellsOf(candidate.callee);
    const sharedCells = callerCells.filter((cell) => calleeCells.includes(cell));
    return { ...candidate, callerCells, calleeCells, sharedCells };
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
  const allowed = new Map<string, [Agreement, ...Agreement[]]>();
  for (const agreement of agreements) {
    const pair = pairOf(agreement);
    if (refusals.get(pair)?.some((denial) => isRefusedBy(agreement, denial))) continue;
    const same = allowed.get(pair);
    if (same === undefined) allowed.set(pair, [agreement]);
    else same.push(agreement);
  }
  const edges = new Map<string, Edge & { operations: AgreedOperation[] }>();
  for (const [first, ...others] of allowed.values()) {
    const { caller, callee } = first;
    const id = edgeId(caller, callee);
    const edge = edges.get(id) ?? { id, caller, callee, operations: [] };
    edge.operations.push(agreedOperation(first, others));
    edges.set(id, edge);
  }
  return [...edges.values()].sort((a, b) => compareText(a.id, b.id));
}

/** One operation, agreed for one purpose or several. */
function agreedOperation(first: Agreement, others: readonly Agreement[]): AgreedOperation {
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

function matchingGrants(
  grantsByKey: ReadonlyMap<string, readonly Grant[]>,
  service: Service,
  need: Need,
): Grant[] {
  const names: Readonly<Record<CallerKind, string>> = {
    service: service.name,
    team: service.team,
    tier: service.tier,
    product: service.product,
  };
  return CALLER_KINDS.flatMap(
    (kind) => grantsByKey.get(grantKey(need.operation, kind, names[kind])) ?? [],
  );
}

function grantKey(operation: string, kind: CallerKind, name: string): string {
  return `${operation} ${kind} ${name}`;
}

function compareProofs(a: Grant, b: Grant): number {
  return (
    NARROWNESS[a.caller.kind] - NARROWNESS[b.caller.kind] || compareWitnesses(a.witness, b.witness)
  );
}

function smaller(a: Witness, b: Witness): Witness {
  return compareWitnesses(a, b) <= 0 ? a : b;
}
