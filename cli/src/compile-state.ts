import { join } from 'node:path';
import {
  type NamedCommit,
  withGitSnapshot,
} from '@dotline/control-plane/change-preview/git-snapshot';
import { type CompiledMesh, compileMesh } from '@dotline/control-plane/compiled-mesh';
import { MeshReader } from '@dotline/model/load-mesh';
import { PolicyCompiler } from '@dotline/policies/compile-policies';
import { shipsItsPlatform } from '@dotline/policies/policy-unit';
import { meshFolders } from '@dotline/runner/mesh-state';

export interface CompileOptions {
  /** Mesh directory. */
  readonly mesh: string;
  readonly opaPath: string;
}

/** The mesh of a commit, or of the working directory. @throws MeshError, GitRefError, OpaError */
export async function compileState(
  commit: NamedCommit | undefined,
  options: CompileOptions,
  nowMs = Date.now(),
): Promise<CompiledMesh> {
  if (commit === undefined) return compiledIn(options.mesh, options, nowMs);
  // The repository that ships the platform's rules has them as they were at the commit.
  const ships = await shipsItsPlatform(options.mesh);
  return withGitSnapshot(options.mesh, commit, (directory) =>
    compiledIn(directory, options, nowMs, ships ? join(directory, 'policies/platform') : undefined),
  );
}

/** The mesh of another directory, with the platform's rules of its own if it ships any. @throws MeshError, OpaError */
export async function compileDirectory(
  directory: string,
  options: CompileOptions,
): Promise<CompiledMesh> {
  const ships = await shipsItsPlatform(directory);
  const platform = ships ? join(directory, 'policies/platform') : undefined;
  return compiledIn(directory, options, Date.now(), platform);
}

async function compiledIn(
  directory: string,
  { mesh, opaPath }: CompileOptions,
  nowMs: number,
  platformDirectory?: string,
): Promise<CompiledMesh> {
  const { root } = await meshFolders(mesh);
  const compiler = new PolicyCompiler({
    opaPath,
    cacheDirectory: join(root, 'policy-cache'),
    ...(platformDirectory === undefined ? {} : { platformDirectory }),
  });
  try {
    return await compileMesh(new MeshReader(directory), compiler, nowMs);
  } finally {
    await compiler.close();
  }
}

/** Such as `main (1a2b3c4d5e)`. */
export function nameOf({ ref, commit }: NamedCommit): string {
  const short = commit.slice(0, 10);
  return commit.startsWith(ref) ? short : `${ref} (${short})`;
}
