import type { AgreedOperation, Edge } from '@dotline/model/edge';
import type { Mesh, Operation, OperationClass } from '@dotline/model/mesh';
import { compareText, type PolicyRelations } from './relations.js';

/** One side of a comparison: what `PolicyCompiler.compile` made of a mesh, or what was stored of it. */
export interface PolicyState {
  readonly mesh: Mesh;
  readonly edges: readonly Edge[];
  readonly relations: PolicyRelations;
}

/** An operation with its proof on the side that has it. */
export interface ChangedOperation extends AgreedOperation {
  readonly class: OperationClass;
}

/** What an edge gains or loses. */
export interface EdgeChange {
  /** The edge's id. */
  readonly id: string;
  readonly caller: string;
  readonly callee: string;
  /** Those gained or lost alone, sorted; never empty. */
  readonly operations: readonly ChangedOperation[];
}

export type OperationMeaning = Pick<Operation, 'class' | 'method' | 'path'>;

/** The same id, another meaning: policies speak of it as before, requests may no longer match. */
export interface RedefinedOperation {
  readonly operation: string;
  readonly before: OperationMeaning;
  readonly after: OperationMeaning;
}

/**
 * What differs between two states, each list sorted by id. An edge that gains some operations and loses
 * others is both widened and narrowed. Another proof of the same operation is no difference.
 */
export interface PolicyDiff {
  readonly added: readonly EdgeChange[];
  readonly removed: readonly EdgeChange[];
  readonly widened: readonly EdgeChange[];
  readonly narrowed: readonly EdgeChange[];
  readonly redefined: readonly RedefinedOperation[];
}

export function diffPolicies(before: PolicyState, after: PolicyState): PolicyDiff {
  const gained = beyond(after, before);
  const lost = beyond(before, after);
  return {
    added: gained.whole,
    removed: lost.whole,
    widened: gained.part,
    narrowed: lost.part,
    redefined: redefinedOperations(before.mesh, after.mesh),
  };
}

/** Whether requests for the operation look different than before, so that the former ones are denied. */
export function isMoved({ before, after }: RedefinedOperation): boolean {
  return before.method !== after.method || before.path !== after.path;
}

/** What `state` allows and `other` does not: by edges of its own, or as part of edges that both have. */
function beyond(
  state: PolicyState,
  other: PolicyState,
): { readonly whole: EdgeChange[]; readonly part: EdgeChange[] } {
  const classes = new Map([...operationsOf(state.mesh)].map(([id, each]) => [id, each.class]));
  const others = new Map(other.edges.map((edge) => [edge.id, edge]));
  const whole: EdgeChange[] = [];
  const part: EdgeChange[] = [];
  for (const { id, caller, callee, operations } of state.edges) {
    const theirs = others.get(id);
    const known = new Set(theirs?.operations.map(({ operation }) => operation));
    const own = operations.flatMap((agreed) => {
      const operationClass = classes.get(agreed.operation);
      if (operationClass === undefined || known.has(agreed.operation)) return [];
      return [{ ...agreed, class: operationClass }];
    });
    if (own.length === 0) continue;
    (theirs === undefined ? whole : part).push({ id, caller, callee, operations: own });
  }
  const byId = (a: EdgeChange, b: EdgeChange) => compareText(a.id, b.id);
  return { whole: whole.sort(byId), part: part.sort(byId) };
}

function redefinedOperations(before: Mesh, after: Mesh): RedefinedOperation[] {
  const old = operationsOf(before);
  return [...operationsOf(after)]
    .flatMap(([operation, now]) => {
      const then = old.get(operation);
      const isSame =
        then === undefined ||
        (then.class === now.class && then.method === now.method && then.path === now.path);
      return isSame ? [] : [{ operation, before: meaningOf(then), after: meaningOf(now) }];
    })
    .sort((a, b) => compareText(a.operation, b.operation));
}

function meaningOf({ class: operationClass, method, path }: Operation): OperationMeaning {
  return { class: operationClass, method, path };
}

function operationsOf(mesh: Mesh): Map<string, Operation> {
  return new Map(
    mesh.services.flatMap(({ operations }) => operations.map((each) => [each.id, each] as const)),
  );
}
