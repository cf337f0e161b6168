import type { AgreedOperation, Edge } from '@dotline/model/edge';
import type { Mesh, Operation, Service } from '@dotline/model/mesh';
import { diffEdges, type Revision } from '@dotline/model/revision';
import { catalogKey } from '@dotline/sidecar-config/catalog-key';

/** What is enforced at one moment of a rollout: callees may be ahead of callers, or behind. */
export interface Stage {
  /** Decides who is let in: authorization and inbound routes. */
  readonly inbound: Revision;
  /** Decides everything else. */
  readonly rest: Revision;
}

export interface RolloutStep {
  readonly name: 'widen' | 'switch' | 'narrow';
  readonly stage: Stage;
}

/**
 * How to come from one revision to the next without a moment in which a caller has a route that its
 * callee refuses: callees first let in what is new (`widen`), then callers change (`switch`), then
 * callees stop letting in what is gone (`narrow`). Steps that would change nothing are left out.
 */
export function rolloutSteps(before: Revision, after: Revision): RolloutStep[] {
  const diff = diffEdges(before.edges, after.edges);
  const adds = diff.added.length > 0 || diff.changed.length > 0;
  const removes = diff.removed.length > 0 || diff.changed.length > 0;
  if (!adds && !removes) return [{ name: 'switch', stage: { inbound: after, rest: after } }];
  const both = unionOf(before, after);
  return [
    ...(adds ? [{ name: 'widen' as const, stage: { inbound: both, rest: before } }] : []),
    { name: 'switch', stage: { inbound: removes ? both : after, rest: after } },
    ...(removes ? [{ name: 'narrow' as const, stage: { inbound: after, rest: after } }] : []),
  ];
}

/** Whether a rollout takes something away: such a one is never stopped half-way. */
export function isRevocation(before: Revision, after: Revision): boolean {
  const operations = (edges: readonly Edge[]) =>
    edges.flatMap((edge) => edge.operations.map(({ operation }) => `${edge.id} ${operation}`));
  const allowed = new Set(operations(after.edges));
  return operations(before.edges).some((each) => !allowed.has(each));
}

/**
 * The services whose sidecars can differ between two revisions, or `all` when the catalog differs
 * (each sidecar knows every service by name, to tell a denied one from an unknown one).
 */
export function touchedServices(before: Revision, after: Revision): ReadonlySet<string> | 'all' {
  if (catalogKey(before.mesh) !== catalogKey(after.mesh)) return 'all';
  const edges = new Map([...before.edges, ...after.edges].map((edge) => [edge.id, edge]));
  const { added, removed, changed } = diffEdges(before.edges, after.edges);
  const differing = new Set([...added, ...removed, ...changed]);
  const touched = new Set<string>();
  for (const edge of edges.values()) {
    // The routes of an edge name the revision in which it took its form.
    const isRenamed = before.edgeRevisions[edge.id] !== after.edgeRevisions[edge.id];
    if (isRenamed || differing.has(edge.id)) {
      touched.add(edge.caller).add(edge.callee);
    }
  }
  return touched;
}

/** A revision that allows what either allows; where both know an edge or service, `after` says how. */
function unionOf(before: Revision, after: Revision): Revision {
  const mesh: Mesh = {
    ...after.mesh,
    teams: merged(before.mesh.teams, after.mesh.teams, (team) => team.name),
    services: merged(before.mesh.services, after.mesh.services, (service) => service.name, join),
  };
  return {
    ...after,
    mesh,
    edges: merged(before.edges, after.edges, (edge) => edge.id, joinEdges),
    edgeRevisions: { ...before.edgeRevisions, ...after.edgeRevisions },
  };
}

function join(before: Service, after: Service): Service {
  const operations = merged(before.operations, after.operations, (o: Operation) => o.id);
  return { ...after, operations };
}

function joinEdges(before: Edge, after: Edge): Edge {
  const operations = merged(
    before.operations,
    after.operations,
    (agreed: AgreedOperation) => agreed.operation,
  );
  return { ...after, operations };
}

/** Items of both lists, sorted by key; `join` decides about those in both. */
function merged<T>(
  before: readonly T[],
  after: readonly T[],
  key: (item: T) => string,
  join: (before: T, after: T) => T = (_, item) => item,
): T[] {
  const byKey = new Map(before.map((item) => [key(item), item]));
  for (const item of after) {
    const old = byKey.get(key(item));
    byKey.set(key(item), old === undefined ? item : join(old, item));
  }
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}
