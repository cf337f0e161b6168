import type { Edge } from '@dotline/model/edge';
import { pathTemplateRegex } from '@dotline/model/path-template';
import type { Revision } from '@dotline/model/revision';
import { TypeUrl } from 'envoy-control-plane-ts';
import type { RejectedRule } from './sidecar-store.js';

const RULES_MAX = 5;

/**
 * The rules that a rejected resource of a service's sidecar comes from, the likeliest first: edges
 * and operations that the sidecar's words name, then edges that took their form in this revision,
 * then the rest. Empty when the resource comes from no rule, such as a listener.
 */
export function blame(
  revision: Revision,
  service: string,
  rejected: { readonly typeUrl: string; readonly name: string; readonly detail: string },
): RejectedRule[] {
  const inbound = rejected.name.startsWith('inbound');
  const edges = revision.edges.filter((edge) =>
    inbound ? edge.callee === service : edge.caller === service && concerns(edge, rejected),
  );
  const isNamed = namesOperation(revision, rejected.detail);
  return edges
    .map((edge) => ({ edge, score: score(revision, edge, rejected.detail, isNamed) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, RULES_MAX)
    .flatMap(({ edge }) => {
      const agreed =
        edge.operations.find(({ operation }) => isNamed(operation)) ?? edge.operations[0];
      if (agreed === undefined) return [];
      // The callee's side is what a grant made, the caller's what a need made.
      const { team, file, line } = inbound ? agreed.grant : agreed.need;
      return [{ edge: edge.id, operation: agreed.operation, team, file, line }];
    });
}

function concerns(edge: Edge, { typeUrl, name }: { typeUrl: string; name: string }): boolean {
  if (typeUrl === TypeUrl.Cluster || typeUrl === TypeUrl.Endpoint) return edge.callee === name;
  return typeUrl === TypeUrl.Route;
}

/** Whether a sidecar's words name an operation: by its id, or by the expression made of its path. */
function namesOperation(revision: Revision, detail: string): (operation: string) => boolean {
  const paths = new Map(
    revision.mesh.services.flatMap(({ operations }) =>
      operations
        .filter(({ path }) => path.includes('{'))
        .map(({ id, path }) => [id, pathTemplateRegex(path)] as const),
    ),
  );
  return (operation) => {
    const path = paths.get(operation);
    return detail.includes(operation) || (path !== undefined && detail.includes(`'${path}'`));
  };
}

function score(
  revision: Revision,
  edge: Edge,
  detail: string,
  isNamed: (operation: string) => boolean,
): number {
  if (detail.includes(edge.id)) return 3;
  if (edge.operations.some(({ operation }) => isNamed(operation))) return 2;
  return revision.edgeRevisions[edge.id] === revision.id ? 1 : 0;
}
