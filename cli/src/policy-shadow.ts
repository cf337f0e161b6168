import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GitRefError } from '@dotline/control-plane/change-preview/git-ref-error';
import { namedCommit } from '@dotline/control-plane/change-preview/git-snapshot';
import type { CompiledMesh } from '@dotline/control-plane/compiled-mesh';
import { withoutDocument } from '@dotline/policies/compiled-request-policy';
import { ControlPlaneError } from '@dotline/runner/control-plane-error';
import type { ShadowView } from '@dotline/topology-ui/shadow-view';
import { parseRange } from './comparison-range.js';
import { type CompileOptions, compileDirectory, compileState, nameOf } from './compile-state.js';
import { openControlPlane } from './control-plane-access.js';
import { operatorName } from './operator-name.js';
import { readApi, UnavailableError } from './page-server-client.js';
import { resolveAddress } from './resolve-address.js';

interface MeshOptions {
  readonly mesh: string;
  readonly address?: string;
}

/** A revision that sidecars have begun to judge. */
export interface StartedShadow {
  readonly name: string;
  readonly revision: string;
  readonly live: string;
  /** Sidecars that judge by it, those that are to, and all. */
  readonly judging: number;
  readonly concerned: number;
  readonly sidecars: number;
}

/**
 * Compiles a state of the mesh and has sidecars judge it beside the live revision.
 * @throws GitRefError, MeshError, OpaError, UnavailableError
 */
export async function startShadow(
  state: string | undefined,
  options: MeshOptions & CompileOptions,
): Promise<StartedShadow> {
  const { name, compiled } = await compiledState(state, options);
  const { mesh, edges, relations, commit } = compiled;
  const requestPolicies = compiled.requestPolicies.map(withoutDocument);
  const content = { name, mesh, edges, requestPolicies, relations, commit, by: operatorName() };
  const staged = await withControlPlane(options, async (client) => {
    // Authorizers judge by them as soon as sidecars ask.
    for (const { hash, document } of compiled.requestPolicies) {
      await client.offerRequestPolicy(hash, document);
    }
    return client.stage(content);
  });
  return { name, ...staged };
}

/** Ends the shadow; resolves with the revision that was judged, or `null`. @throws UnavailableError */
export function stopShadow(options: MeshOptions): Promise<string | null> {
  return withControlPlane(options, (client) => client.unstage(operatorName()));
}

/** What the staged revision would have changed. @throws UnavailableError, ApiError */
export async function readShadow(options: MeshOptions, sinceMs?: number): Promise<ShadowView> {
  const address = await resolveAddress(options);
  return readApi(address, `/api/shadow${sinceMs === undefined ? '' : `?windowMs=${sinceMs}`}`);
}

async function compiledState(
  state: string | undefined,
  options: CompileOptions,
): Promise<{ readonly name: string; readonly compiled: CompiledMesh }> {
  if (state === undefined) {
    return { name: 'the working directory', compiled: await compileState(undefined, options) };
  }
  if (await isMeshDirectory(state)) {
    return { name: state, compiled: await compileDirectory(state, options) };
  }
  const range = parseRange(state);
  if (range === undefined) {
    throw new GitRefError(state, `${state} is no branch, commit, range or mesh directory`);
  }
  const commit = await namedCommit(options.mesh, range.head ?? 'HEAD');
  const compiled = await compileState(commit, options);
  return { name: nameOf(commit), compiled: { ...compiled, commit: commit.commit } };
}

async function isMeshDirectory(path: string): Promise<boolean> {
  return stat(join(path, 'mesh.yaml')).then(
    (file) => file.isFile(),
    () => false,
  );
}

async function withControlPlane<T>(
  options: MeshOptions,
  use: (client: Awaited<ReturnType<typeof openControlPlane>>['client']) => Promise<T>,
): Promise<T> {
  const { access, client } = await openControlPlane(options);
  try {
    return await use(client);
  } catch (error) {
    if (error instanceof ControlPlaneError) {
      throw new UnavailableError(error.message.trim(), { cause: error });
    }
    throw new UnavailableError(`no control plane answers at ${access.url}`, { cause: error });
  } finally {
    await client.close();
  }
}
