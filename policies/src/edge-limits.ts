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
  return [
    ...crowded(edges, 'callee', fanIn).map(([callee, into]) => ({
      ...placeOf(newest(into)),
      message: `${callee} would be called by ${into.length} services, more than ${fanIn}`,
      hint: 'remove needs of it, offer the operation in a second service, or raise limits.fanIn in mesh.yaml',
    })),
    ...crowded(edges, 'caller', fanOut).map(([caller, out]) => ({
      ...placeOf(newest(out)),
      message: `${caller} would call ${out.length} services, more than ${fanOut}`,
      hint: 'remove needs that it can do without, split it, or raise limits.fanOut in mesh.yaml',
    })),
  ];
}

/** Services that are this end of more edges than `most`, sorted, with these edges. */
function crowded(
  edges: readonly Edge[],
  end: 'caller' | 'callee',
  most: number,
): [string, Edge[]][] {
  // Counted first: of many thousand edges, hardly ever one is too many.
  const counts = new Map<string, number>();
  for (const edge of edges) counts.set(edge[end], (counts.get(edge[end]) ?? 0) + 1);
  return [...counts]
    .filter(([, count]) => count > most)
    .map(([service]): [string, Edge[]] => [service, edges.filter((edge) => edge[end] === service)])
    .sort(([a], [b]) => compareText(a, b));
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
