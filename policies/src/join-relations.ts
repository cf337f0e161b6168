import { type Edge, edgeId, type Witness } from '@dotline/model/edge';
import type { Mesh, OperationClass, Service } from '@dotline/model/mesh';
import {
  type CallerKind,
  compareText,
  compareWitnesses,
  type Grant,
  type GuardrailDenial,
  type Need,
  type StatedRelations,
} from './relations.js';

/** An operation that one caller may use if no guardrail objects. */
export interface Agreement {
  readonly caller: string;
  readonly callee: string;
  readonly operation: string;
  readonly class: OperationClass;
  readonly need: Witness;
  readonly grant: Witness;
  /** How consent was given: the kinds of caller that matching grants name, sorted; `baseline` for the platform's. */
  readonly grantedTo: readonly (CallerKind | 'baseline')[];
}

/** An agreement as guardrails see it in `input.candidates`. */
export type Candidate = Omit<Agreement, 'need' | 'grant'>;

/** What joining relations gives, before guardrails are asked. */
export interface Join {
  /** Sorted by caller, then operation; one for each pair. */
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
    { service, operation }: { service: string; operation: string },
    need: Witness,
    grant: Witness,
    grantedTo: Agreement['grantedTo'],
  ) => {
    const found = operations.get(operation);
    if (found === undefined) return;
    const key = `${service} ${operation}`;
    const before = agreements.get(key);
    if (before === undefined) {
      const kinds = [...new Set(grantedTo)].sort();
      const names = { caller: service, callee: found.service, operation, class: found.class };
      agreements.set(key, { ...names, need, grant, grantedTo: kinds });
      return;
    }
    agreements.set(key, {
      ...before,
      need: smaller(before.need, need),
      grantedTo: [...new Set([...before.grantedTo, ...grantedTo])].sort(),
    });
  };

  for (const need of stated.needs) {
    const service = services.get(need.service);
    const matching = service === undefined ? [] : matchingGrants(grantsByKey, service, need);
    const [proof] = [...matching].sort(compareProofs);
    if (proof === undefined) {
      ungranted.push(need);
      continue;
    }
    for (const grant of matching) used.add(grant);
    const kinds = matching.map((grant) => grant.caller.kind);
    agree(need, need.witness, proof.witness, kinds);
  }
  // Teams' own consent is the better proof, so the baseline only adds what is not agreed already.
  const baseline = [...stated.baseline].sort((a, b) => compareWitnesses(a.witness, b.witness));
  for (const allowance of baseline) {
    agree(allowance, allowance.witness, allowance.witness, ['baseline']);
  }
  return {
    agreements: [...agreements.values()].sort(
      (a, b) => compareText(a.caller, b.caller) || compareText(a.operation, b.operation),
    ),
    ungranted: ungranted.filter((need) => !agreements.has(`${need.service} ${need.operation}`)),
    unused: stated.grants.filter((grant) => !used.has(grant)),
  };
}

/** The agreements as guardrails see them. */
export function candidatesOf(agreements: readonly Agreement[]): Candidate[] {
  return agreements.map(({ need: _need, grant: _grant, ...candidate }) => candidate);
}

/** Edges of the agreements that no guardrail refuses, sorted by id. */
export function edgesOf(
  agreements: readonly Agreement[],
  refused: readonly GuardrailDenial[],
): Edge[] {
  const refusals = new Set(refused.map(({ caller, operation }) => `${caller} ${operation}`));
  const edges = new Map<string, Edge & { operations: Edge['operations'][number][] }>();
  for (const { caller, callee, operation, need, grant } of agreements) {
    if (refusals.has(`${caller} ${operation}`)) continue;
    const id = edgeId(caller, callee);
    const edge = edges.get(id) ?? { id, caller, callee, operations: [] };
    edge.operations.push({ operation, need, grant });
    edges.set(id, edge);
  }
  return [...edges.values()].sort((a, b) => compareText(a.id, b.id));
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
