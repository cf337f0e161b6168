import type { Edge } from '@dotline/model/edge';
import type { Mesh } from '@dotline/model/mesh';
import { isPathTemplate } from '@dotline/model/path-template';
import type { RequestPolicy } from '@dotline/model/request-policy';
import { makeRevision, type Revision } from '@dotline/model/revision';
import type { PolicyRelations } from '@dotline/policies/relations';
import { MeshIndex, NotInCatalogError } from '@dotline/sidecar-config/mesh-index';
import { z } from 'zod';
import { ShadowError } from './shadow-error.js';

/** Body of `PUT /v1/shadow`: a compiled mesh, and what people call it. */
export interface ShadowRequest {
  readonly name: string;
  readonly mesh: Mesh;
  readonly edges: readonly Edge[];
  readonly relations: PolicyRelations;
  readonly commit?: string | undefined;
  /** Authorizers judge by them; their documents are there before (`PUT /v1/request-policies`). */
  readonly requestPolicies?: readonly RequestPolicy[] | undefined;
  /** Who stages it, by his own word. */
  readonly by?: string | undefined;
}

const Name = z.string().min(1).max(80);
const Witness = z.looseObject({ team: z.string(), file: z.string(), line: z.number().int() });
const Operation = z.looseObject({
  id: z.string().min(3).max(160),
  method: z.string().regex(/^[A-Z]{1,20}$/),
  path: z.string().max(1_024).refine(isPathTemplate, 'must be a path template'),
});
const Service = z.looseObject({ name: Name, team: Name, operations: z.array(Operation) });
const Hash = z.string().regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 of a document');
const RequestRule = z.looseObject({
  operation: z.string(),
  fail: z.enum(['closed', 'open']),
  witness: Witness,
});
const Relations = z.array(z.looseObject({ operation: z.string() }));

/** What sidecars are made from; the rest is only shown. */
const Body = z.looseObject({
  name: z.string().min(1).max(200),
  commit: z.string().max(64).optional(),
  by: z.string().max(200).optional(),
  requestPolicies: z
    .array(z.looseObject({ team: Name, hash: Hash, rules: z.array(RequestRule).min(1) }))
    .optional(),
  mesh: z.looseObject({
    name: Name,
    trustDomain: z.string().min(1).max(255),
    teams: z.array(z.looseObject({ name: Name, contact: z.string() })),
    services: z.array(Service),
    objectives: z.array(z.looseObject({})),
  }),
  edges: z.array(
    z.looseObject({
      id: z.string(),
      caller: Name,
      callee: Name,
      operations: z
        .array(z.looseObject({ operation: z.string(), need: Witness, grant: Witness }))
        .min(1),
    }),
  ),
  relations: z.looseObject({
    needs: Relations,
    grants: Relations,
    baseline: Relations,
    refused: Relations,
  }),
});

/** @throws ShadowError that names what is wrong with the body */
export function shadowRequest(body: unknown): ShadowRequest {
  const { success, error } = Body.safeParse(body ?? {});
  // The schema covers what is acted upon; whoever has the join token answers for the rest.
  if (success) return body as ShadowRequest;
  const problems = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new ShadowError(400, problems.slice(0, 10).join('; '));
}

/**
 * The revision that a request stages beside a live one.
 * @throws ShadowError when it is one of another mesh, or speaks of what its own catalog does not hold
 */
export function stagedRevision(request: ShadowRequest, live: Revision): Revision {
  const { mesh, edges, commit, requestPolicies = [] } = request;
  for (const field of ['name', 'trustDomain'] as const) {
    if (mesh[field] === live.mesh[field]) continue;
    const message = `${field} is ${mesh[field]}, that of the live revision ${live.mesh[field]}: only a revision of the same mesh can be judged beside it`;
    throw new ShadowError(409, message);
  }
  const content = { mesh, edges, requestPolicies, createdAtMs: Date.now() };
  const revision = makeRevision({ ...content, ...(commit && { commit }) }, live);
  try {
    const index = new MeshIndex(revision);
    for (const edge of edges) {
      index.service(edge.caller);
      index.operationsOf(edge);
    }
    for (const { rules } of requestPolicies) {
      for (const { operation } of rules) index.operation(operation);
    }
  } catch (error) {
    if (error instanceof NotInCatalogError) throw new ShadowError(400, error.message);
    throw error;
  }
  return revision;
}
