import type { AgreedOperation, Edge } from '@dotline/model/edge';
import type { Mesh, Operation, Service } from '@dotline/model/mesh';
import { diffEdges, type Revision } from '@dotline/model/revision';
import { catalogKey } from '@dotline/sidecar-config/catalog-key';
import { isInWave, type PlacedInstance, type Wave } from './rollout-waves.js';

/** What one sidecar is given at one moment of a rollout. */
export interface Stage {
  /** Decides who is let in: authorization and inbound routes. */
  readonly inbound: Revision;
  /** Decides everything else. */
  readonly rest: Revision;
}

/** What each sidecar is given at one moment of a rollout. */
export interface Placement {
  /** All that occur, the commonest first. */
  readonly stages: readonly Stage[];
  /** One of them. */
  readonly stageOf: (instance: PlacedInstance) => Stage;
}

export type StepName = 'widen' | 'arrive' | 'switch' | 'narrow';

export interface RolloutStep {
  readonly name: StepName;
  readonly wave: Wave;
  readonly placement: Placement;
  /** Whether traffic shows what the step does: it is watched before the next. */
  readonly isWatched: boolean;
}

/** Every sidecar is given one revision. */
export function wholePlacement(revision: Revision): Placement {
  return uniform({ inbound: revision, rest: revision });
}

/** The revision that a placement gives to every sidecar; `undefined` when it gives two. */
export function wholeRevision({ stages: [first, ...others] }: Placement): Revision | undefined {
  return others.length === 0 && first?.inbound === first?.rest ? first?.rest : undefined;
}

/**
 * How to come from one revision to the next without a moment in which a caller has a route that its
 * callee refuses, whichever waves the two are in. All callees first let in what is new, beside what is
 * old (`widen`), and new services take their configuration (`arrive`); then callers change, wave by
 * wave (`switch`); when the last has, callees stop letting in what is gone (`narrow`). Steps that would
 * change nothing are left out. Callees are widened and narrowed in the first wave, then in all others.
 * @param waves the last one has everybody
 */
export function rolloutSteps(
  before: Revision,
  after: Revision,
  waves: readonly [Wave, ...Wave[]],
): RolloutStep[] {
  const { adds, removes } = allowedChanges(before, after);
  const both = adds || removes ? unionOf(before, after) : after;
  const isProgressive = waves.length > 1;
  const isNew = leavers(after, before);
  const isGone = leavers(before, after);

  const untouched: Stage = { inbound: before, rest: before };
  const widened: Stage = { inbound: both, rest: before };
  const switched: Stage = { inbound: both, rest: after };
  const done: Stage = { inbound: after, rest: after };
  // A service that comes is called before it calls; one that goes is called when it no longer calls.
  const arrived: Stage = { inbound: both, rest: withoutEdges(after) };
  const leaving: Stage = { inbound: both, rest: withoutEdges(before) };
  const [first] = waves;
  const everybody = waves.at(-1) ?? first;
  const firstAndAll = isProgressive ? [first, everybody] : [everybody];

  const steps: RolloutStep[] = [];
  const add = (name: StepName, wave: Wave, placement: Placement, isWatched = false) =>
    steps.push({ name, wave, placement, isWatched: isWatched && isProgressive });
  const parted = (wave: Wave, moved: Stage, others: Stage): Placement => ({
    stages: [moved, others],
    stageOf: (instance) => (isInWave(wave, instance) ? moved : others),
  });

  const start = adds || removes ? widened : untouched;
  if (adds) {
    for (const wave of firstAndAll) {
      add('widen', wave, wave === everybody ? uniform(widened) : parted(wave, widened, untouched));
    }
    if (after.mesh.services.some(({ name }) => isNew(name))) {
      add('arrive', everybody, {
        stages: [widened, arrived],
        stageOf: ({ service }) => (isNew(service) ? arrived : widened),
      });
    }
  }
  for (const wave of waves) {
    const isLast = wave === everybody;
    if (isLast && !removes) {
      add('switch', wave, uniform(done), true);
      continue;
    }
    add(
      'switch',
      wave,
      {
        stages: [switched, start, arrived, leaving],
        stageOf: (instance) => {
          const isMoved = isInWave(wave, instance);
          if (isGone(instance.service)) return isMoved ? leaving : start;
          if (isMoved) return switched;
          return isNew(instance.service) ? arrived : start;
        },
      },
      !isLast,
    );
  }
  if (removes) {
    for (const wave of firstAndAll) {
      const isLast = wave === everybody;
      const narrowing: Placement = {
        stages: [done, switched, leaving],
        stageOf: (instance) => {
          if (isInWave(wave, instance)) return done;
          return isGone(instance.service) ? leaving : switched;
        },
      };
      add('narrow', wave, isLast ? uniform(done) : narrowing, isLast);
    }
  }
  return steps;
}

/** How to come back from any step of a rollout, for everybody at once and as safely. */
export function returnSteps(from: Placement, before: Revision, after: Revision): RolloutStep[] {
  const wave: Wave = { name: 'all' };
  const isGone = leavers(before, after);
  const isNew = leavers(after, before);
  const both = unionOf(before, after);
  const done: Stage = { inbound: before, rest: before };
  const narrow: RolloutStep = {
    name: 'narrow',
    wave,
    placement: uniform(done),
    isWatched: false,
  };
  // Callers that have not changed hold no route that the others refuse.
  if (from.stages.every(({ rest }) => rest === before)) return [narrow];
  const old: Stage = { inbound: both, rest: before };
  const now: Stage = { inbound: both, rest: after };
  const arrived: Stage = { inbound: both, rest: withoutEdges(after) };
  const leaving: Stage = { inbound: both, rest: withoutEdges(before) };
  const again: Placement = {
    stages: [old, now, arrived, leaving],
    stageOf: (instance) => {
      const { rest } = from.stageOf(instance);
      if (rest === before) return old;
      if (isGone(instance.service)) return leaving;
      return rest === after ? now : arrived;
    },
  };
  const back: Placement = {
    stages: [old, arrived],
    stageOf: ({ service }) => (isNew(service) ? arrived : old),
  };
  return [
    { name: 'widen', wave, placement: again, isWatched: false },
    { name: 'switch', wave, placement: back, isWatched: false },
    narrow,
  ];
}

/** Whether a rollout takes something away from a caller. */
export function isRevocation(before: Revision, after: Revision): boolean {
  const operations = (edges: readonly Edge[]) =>
    edges.flatMap((edge) => edge.operations.map(({ operation }) => `${edge.id} ${operation}`));
  const allowed = new Set(operations(after.edges));
  if (operations(before.edges).some((each) => !allowed.has(each))) return true;
  // Rules about single requests may refuse what the ones before allowed.
  return (after.requestPolicies ?? []).some(
    ({ team, hash }) => requestPolicyOf(before, team)?.hash !== hash,
  );
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
  for (const policy of [...(before.requestPolicies ?? []), ...(after.requestPolicies ?? [])]) {
    const forms = [before, after].map((revision) => requestPolicyOf(revision, policy.team));
    if (forms[0]?.hash === forms[1]?.hash && forms[0]?.revision === forms[1]?.revision) continue;
    for (const { operation } of policy.rules) touched.add(serviceOf(operation));
  }
  return touched;
}

function requestPolicyOf(revision: Revision, team: string) {
  return revision.requestPolicies?.find((policy) => policy.team === team);
}

/** The service of an operation id: names have no dots. */
function serviceOf(operation: string): string {
  return operation.split('.')[0] ?? '';
}

function uniform(stage: Stage): Placement {
  return { stages: [stage], stageOf: () => stage };
}

/** Whether a service of one revision is not in the other. */
function leavers(of: Revision, other: Revision): (service: string) => boolean {
  const others = new Set(other.mesh.services.map(({ name }) => name));
  const own = new Set(of.mesh.services.map(({ name }) => name));
  return (service) => own.has(service) && !others.has(service);
}

function withoutEdges(revision: Revision): Revision {
  return { ...revision, edges: [] };
}

/**
 * Whether callers may ask more of callees, and less, as it looks on the wire. Another catalog with less
 * counts as more too: what callees say about it changes before callers do.
 */
function allowedChanges(
  before: Revision,
  after: Revision,
): { readonly adds: boolean; readonly removes: boolean } {
  const isSameCatalog = catalogKey(before.mesh) === catalogKey(after.mesh);
  const reformed = isSameCatalog ? NONE : reformedOperations(before.mesh, after.mesh);
  const lacks = (edge: Edge | undefined, operation: string) =>
    reformed.has(operation) || !edge?.operations.some((agreed) => agreed.operation === operation);
  const hasMore = (more: Revision, less: Revision) => {
    const edges = new Map(less.edges.map((edge) => [edge.id, edge]));
    return more.edges.some(({ id, operations }) =>
      operations.some(({ operation }) => lacks(edges.get(id), operation)),
    );
  };
  const removes = hasMore(before, after);
  return { adds: hasMore(after, before) || (removes && !isSameCatalog), removes };
}

const NONE: ReadonlySet<string> = new Set();

/** Operations that look different on the wire in two catalogs which both have them. */
function reformedOperations(before: Mesh, after: Mesh): ReadonlySet<string> {
  const now = operationsOf(after);
  return new Set(
    [...operationsOf(before).values()].flatMap((operation) => {
      const other = now.get(operation.id);
      return other && formOf(other) !== formOf(operation) ? [operation.id] : [];
    }),
  );
}

function formOf({ method, host = '', path }: Operation): string {
  return `${method} ${host}${path}`;
}

function operationsOf({ services }: Mesh): Map<string, Operation> {
  return new Map(
    services.flatMap((service) =>
      service.operations.map((operation) => [operation.id, operation] as const),
    ),
  );
}

/**
 * A revision that allows what either allows; where both know an edge or service, `after` says how. An
 * operation that has another method or path in `after` is let in in both forms, the old one under a
 * name of its own.
 */
function unionOf(before: Revision, after: Revision): Revision {
  const edgeRevisions = { ...before.edgeRevisions, ...after.edgeRevisions };
  const edgesWith = (old: readonly Edge[]) =>
    merged(old, after.edges, (edge) => edge.id, joinEdges);
  // The usual case, and that of the largest meshes: nothing of the catalog has to be made again.
  if (catalogKey(before.mesh) === catalogKey(after.mesh)) {
    return { ...after, edges: edgesWith(before.edges), edgeRevisions };
  }
  const now = operationsOf(after.mesh);
  const reformed = reformedOperations(before.mesh, after.mesh);
  const named = (id: string) => (reformed.has(id) ? `${id}@${before.id}` : id);
  const services = before.mesh.services.map((service) => ({
    ...service,
    operations: service.operations.map((each) => ({ ...each, id: named(each.id) })),
  }));
  const edges = before.edges.map((edge) => ({
    ...edge,
    operations: edge.operations.map((each) => ({ ...each, operation: named(each.operation) })),
  }));
  const mesh: Mesh = {
    ...after.mesh,
    teams: merged(before.mesh.teams, after.mesh.teams, (team) => team.name),
    services: merged(services, after.mesh.services, (service) => service.name, join),
  };
  // Requests for what only the old revision has are decided as they were; for the rest as they will be.
  const requestPolicies = [
    ...(before.requestPolicies ?? []).flatMap(({ rules, ...policy }) => {
      const old = rules.filter(({ operation }) => reformed.has(operation) || !now.has(operation));
      const kept = old.map((rule) => ({ ...rule, operation: named(rule.operation) }));
      return kept.length === 0 ? [] : [{ ...policy, rules: kept }];
    }),
    ...(after.requestPolicies ?? []),
  ];
  return {
    ...after,
    ...(requestPolicies.length === 0 ? {} : { requestPolicies }),
    mesh,
    edges: edgesWith(edges),
    edgeRevisions,
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
