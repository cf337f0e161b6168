import { createHash } from 'node:crypto';
import type { Edge } from './edge.js';
import type { Mesh } from './mesh.js';
import type { LiveRequestPolicy, RequestPolicy } from './request-policy.js';

/** One compiled, immutable state of the mesh. Everything enforced, logged and drawn names its revision. */
export interface Revision {
  /** Content hash: the first 12 hexadecimal digits of SHA-256. */
  readonly id: string;
  /** Git commit of the mesh directory, when it is a checkout without changes. */
  readonly commit?: string;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  readonly mesh: Mesh;
  /** Sorted by id. */
  readonly edges: readonly Edge[];
  /** For each edge id, the revision in which the edge took its present form. */
  readonly edgeRevisions: Readonly<Record<string, string>>;
  /** Of teams that decide single requests, sorted by team; absent when none does. */
  readonly requestPolicies?: readonly LiveRequestPolicy[];
}

/** What changed between two revisions, by edge id. */
export interface EdgeDiff {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Same caller and callee, other operations. */
  readonly changed: readonly string[];
}

/**
 * Makes the revision that follows `previous`. The id covers the catalog, the edges with their proof,
 * and the objectives, so the same content has the same id on every machine and in every folder.
 */
export function makeRevision(
  content: {
    mesh: Mesh;
    edges: readonly Edge[];
    requestPolicies?: readonly RequestPolicy[];
    commit?: string;
    createdAtMs: number;
  },
  previous: Revision | undefined,
): Revision {
  const edges = [...content.edges].sort((a, b) => compare(a.id, b.id));
  const policies = [...(content.requestPolicies ?? [])].sort((a, b) => compare(a.team, b.team));
  const id = contentHash(content.mesh, edges, policies);
  const before = new Map(previous?.edges.map((edge) => [edge.id, edge]));
  const edgeRevisions: Record<string, string> = {};
  for (const edge of edges) {
    const old = before.get(edge.id);
    const unchanged = old !== undefined && operationsKey(old) === operationsKey(edge);
    edgeRevisions[edge.id] = (unchanged ? previous?.edgeRevisions[edge.id] : undefined) ?? id;
  }
  return {
    id,
    ...(content.commit === undefined ? {} : { commit: content.commit }),
    createdAtMs: content.createdAtMs,
    mesh: content.mesh,
    edges,
    edgeRevisions,
    ...(policies.length === 0
      ? {}
      : { requestPolicies: policies.map((p) => live(p, id, previous)) }),
  };
}

/** Edges added, removed and changed from `before` to `after`. */
export function diffEdges(before: readonly Edge[], after: readonly Edge[]): EdgeDiff {
  const old = new Map(before.map((edge) => [edge.id, operationsKey(edge)]));
  const now = new Map(after.map((edge) => [edge.id, operationsKey(edge)]));
  return {
    added: [...now.keys()].filter((id) => !old.has(id)).sort(compare),
    removed: [...old.keys()].filter((id) => !now.has(id)).sort(compare),
    changed: [...now]
      .filter(([id, key]) => old.has(id) && old.get(id) !== key)
      .map(([id]) => id)
      .sort(compare),
  };
}

function operationsKey(edge: Edge): string {
  return edge.operations.map((agreed) => agreed.operation).join(',');
}

/** A request policy with the revision in which it took this form, as far back as `previous` knows. */
function live(
  policy: RequestPolicy,
  id: string,
  previous: Revision | undefined,
): LiveRequestPolicy {
  const before = previous?.requestPolicies?.find(({ team }) => team === policy.team);
  return { ...policy, revision: before?.hash === policy.hash ? before.revision : id };
}

function contentHash(
  mesh: Mesh,
  edges: readonly Edge[],
  requestPolicies: readonly RequestPolicy[],
): string {
  const services = mesh.services.map(({ directory: _directory, ...rest }) => rest);
  const { directory: _meshDirectory, ...catalog } = mesh;
  return createHash('sha256')
    .update(
      JSON.stringify({
        ...catalog,
        services,
        edges,
        ...(requestPolicies.length === 0 ? {} : { requestPolicies }),
      }),
    )
    .digest('hex')
    .slice(0, 12);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
