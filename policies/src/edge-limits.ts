import type { Edge, Witness } from '@dotline/model/edge';
import type { Mesh } from '@dotline/model/mesh';
import type { Problem } from '@dotline/model/mesh-error';
import { compareText, compareWitnesses } from './relations.js';

/**
 * Which services have more edges than the mesh allows: one problem each, at the need that is most likely new.
 * They are errors and no refusals, since refusing one of too many edges would cut an arbitrary one.
 */
export function exceededLimits(
  { limits }: Pick<Mesh, 'limits'>,
  edges: readonly Edge[],
): Problem[] {
  if (limits === undefined) return [];
  const { fanIn, fanOut } = limits;
  const problems: Problem[] = [];
  for (const [callee, into] of groupBy(edges, (edge) => edge.callee)) {
    if (into.length <= fanIn) continue;
    problems.push({
      ...placeOf(newest(into)),
      message: `${callee} would be called by ${into.length} services, more than ${fanIn}`,
      hint: `remove needs of it, offer the operation in a second service, or raise limits.fanIn in mesh.yaml`,
    });
  }
  for (const [caller, out] of groupBy(edges, (edge) => edge.caller)) {
    if (out.length <= fanOut) continue;
    problems.push({
      ...placeOf(newest(out)),
      message: `${caller} would call ${out.length} services, more than ${fanOut}`,
      hint: `remove needs that it can do without, split it, or raise limits.fanOut in mesh.yaml`,
    });
  }
  return problems;
}

/** A file without a commit was changed after all that have one; otherwise the last by place stands for them. */
function newest(edges: readonly Edge[]): Witness | undefined {
  const isCommitted = (witness: Witness) => Number(witness.commit !== undefined);
  return edges
    .flatMap(({ operations }) => operations.map(({ need }) => need))
    .sort((a, b) => isCommitted(b) - isCommitted(a) || compareWitnesses(a, b))
    .at(-1);
}

function placeOf(need: Witness | undefined): { file: string; line: number } {
  return { file: need?.file ?? 'mesh.yaml', line: need?.line ?? 1 };
}

function groupBy(edges: readonly Edge[], keyOf: (edge: Edge) => string): [string, Edge[]][] {
  const groups = new Map<string, Edge[]>();
  for (const edge of edges) {
    const group = groups.get(keyOf(edge));
    if (group === undefined) groups.set(keyOf(edge), [edge]);
    else group.push(edge);
  }
  return [...groups].sort(([a], [b]) => compareText(a, b));
}
