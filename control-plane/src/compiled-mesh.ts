import type { Edge } from '@dotline/model/edge';
import type { MeshReader } from '@dotline/model/load-mesh';
import type { Mesh } from '@dotline/model/mesh';
import { inSpan } from '@dotline/platform-process/span';
import type { PolicyCompiler } from '@dotline/policies/compile-policies';
import type { CompiledRequestPolicy } from '@dotline/policies/compiled-request-policy';
import type { Finding } from '@dotline/policies/finding';
import type { PolicyRelations } from '@dotline/policies/relations';
import { cleanCommit } from './git-checkout.js';

/** A mesh directory, read and compiled. */
export interface CompiledMesh {
  readonly mesh: Mesh;
  readonly edges: readonly Edge[];
  readonly requestPolicies: readonly CompiledRequestPolicy[];
  readonly relations: PolicyRelations;
  /** What is dubious about the policies without being wrong, such as a need that nobody grants. */
  readonly findings: readonly Finding[];
  /** Of the checkout, when nothing in it is changed. */
  readonly commit: string | undefined;
  /** When the first of its rules ends, in milliseconds since the epoch. */
  readonly nextExpiryMs: number | undefined;
}

/**
 * Reads a mesh directory and compiles its policies as they hold at a time (milliseconds since the epoch).
 * @throws MeshError with every problem found
 */
export async function compileMesh(
  reader: MeshReader,
  compiler: Pick<PolicyCompiler, 'compile'>,
  nowMs = Date.now(),
): Promise<CompiledMesh> {
  const mesh = await inSpan('read mesh', {}, () => reader.read());
  const [compiled, commit] = await Promise.all([
    inSpan('compile policies', { attributes: { 'dotline.services': mesh.services.length } }, () =>
      compiler.compile(mesh, nowMs),
    ),
    inSpan('read commit', {}, () => cleanCommit(mesh.directory)),
  ]);
  const { edges, requestPolicies, findings, needs, grants, baseline, refused, nextExpiryMs } =
    compiled;
  return {
    mesh,
    edges,
    requestPolicies,
    relations: { needs, grants, baseline, refused },
    findings,
    nextExpiryMs,
    commit,
  };
}
