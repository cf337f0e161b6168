import type { Edge } from '@dotline/model/edge';
import type { PolicyState } from './policy-diff.js';
import { compareText } from './relations.js';

/** A service that gets somewhere, with a shortest way there. */
export interface ReachingService {
  readonly service: string;
  /** From the service itself to the one that is reached. */
  readonly path: readonly string[];
}

/** What can be reached, over any number of edges, by services that could not reach it before. */
export interface NewReach {
  readonly kind: 'service' | 'pii-operation';
  /** Name of the service, or id of the operation. */
  readonly target: string;
  /** Sorted by service, never empty. */
  readonly from: readonly ReachingService[];
}

/**
 * Who newly reaches which service, and which operation of class `pii`, in any number of hops: services
 * first, each kind sorted by target. That a service reaches itself over others is not told.
 */
export function newReach(before: PolicyState, after: PolicyState): NewReach[] {
  const old = new CallGraph(before.edges);
  const now = new CallGraph(after.edges);
  const pii = after.mesh.services
    .flatMap(({ operations }) => operations)
    .filter((operation) => operation.class === 'pii');
  const services = new Map<string, ReachingService[]>();
  const operations = new Map<string, ReachingService[]>();
  // Whoever reaches something new does so over an edge that is new or has a new operation.
  for (const service of now.reaching(gaining(before.edges, after.edges))) {
    const reachedBefore = old.reachedFrom(service);
    const reachedNow = now.reachedFrom(service);
    for (const target of reachedNow.keys()) {
      if (reachedBefore.has(target)) continue;
      listOf(services, target).push({ service, path: pathTo(reachedNow, target) });
    }
    for (const { id, service: callee } of pii) {
      if (old.usersOf(id).some((user) => reachedBefore.has(user))) continue;
      const [nearest] = now
        .usersOf(id)
        .filter((user) => reachedNow.has(user))
        .map((user) => pathTo(reachedNow, user))
        .sort((a, b) => a.length - b.length);
      if (nearest === undefined) continue;
      listOf(operations, id).push({ service, path: [...nearest, callee] });
    }
  }
  return [...reachOf('service', services), ...reachOf('pii-operation', operations)];
}

/** Callers that may do more than before. */
function gaining(before: readonly Edge[], after: readonly Edge[]): Set<string> {
  const keysOf = ({ id, operations }: Edge) =>
    operations.map(({ operation }) => `${id} ${operation}`);
  const old = new Set(before.flatMap(keysOf));
  return new Set(
    after.filter((edge) => keysOf(edge).some((key) => !old.has(key))).map(({ caller }) => caller),
  );
}

/** Who calls whom, walked either way. */
class CallGraph {
  readonly #callees = new Map<string, string[]>();
  readonly #callers = new Map<string, string[]>();
  readonly #users = new Map<string, string[]>();

  constructor(edges: readonly Edge[]) {
    for (const { caller, callee, operations } of edges) {
      listOf(this.#callees, caller).push(callee);
      listOf(this.#callers, callee).push(caller);
      for (const { operation } of operations) listOf(this.#users, operation).push(caller);
    }
  }

  /** Services with an edge that has the operation. */
  usersOf(operation: string): readonly string[] {
    return this.#users.get(operation) ?? [];
  }

  /** The service and all that it reaches, each with the one before it on a shortest way. */
  reachedFrom(service: string): ReadonlyMap<string, string | undefined> {
    return walk([service], this.#callees);
  }

  /** The services and all that reach one of them. */
  reaching(services: Iterable<string>): Iterable<string> {
    return walk(services, this.#callers).keys();
  }
}

/** Breadth first, so that each is found on a shortest way. */
function walk(
  starts: Iterable<string>,
  next: ReadonlyMap<string, readonly string[]>,
): Map<string, string | undefined> {
  const previous = new Map<string, string | undefined>();
  for (const start of starts) previous.set(start, undefined);
  // A map's iteration goes on to what is added meanwhile.
  for (const [service] of previous) {
    for (const other of next.get(service) ?? []) {
      if (!previous.has(other)) previous.set(other, service);
    }
  }
  return previous;
}

function pathTo(reached: ReadonlyMap<string, string | undefined>, target: string): string[] {
  const path = [target];
  for (let at = reached.get(target); at !== undefined; at = reached.get(at)) path.push(at);
  return path.reverse();
}

function reachOf(
  kind: NewReach['kind'],
  found: ReadonlyMap<string, readonly ReachingService[]>,
): NewReach[] {
  return [...found]
    .sort(([a], [b]) => compareText(a, b))
    .map(([target, from]) => ({
      kind,
      target,
      from: [...from].sort((a, b) => compareText(a.service, b.service)),
    }));
}

function listOf<Value>(lists: Map<string, Value[]>, key: string): Value[] {
  const known = lists.get(key);
  if (known !== undefined) return known;
  const made: Value[] = [];
  lists.set(key, made);
  return made;
}
