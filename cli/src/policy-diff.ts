import { join } from 'node:path';
import {
  type NamedCommit,
  namedCommit,
  withGitSnapshot,
} from '@dotline/control-plane/change-preview/git-snapshot';
import {
  type ChangePreview,
  type PreviewSide,
  previewChange,
  type TrafficLook,
} from '@dotline/control-plane/change-preview/preview-change';
import { type CompiledMesh, compileMesh } from '@dotline/control-plane/compiled-mesh';
import { MeshReader } from '@dotline/model/load-mesh';
import { MeshError, type Problem } from '@dotline/model/mesh-error';
import { makeRevision, type Revision } from '@dotline/model/revision';
import { PolicyCompiler } from '@dotline/policies/compile-policies';
import { shipsItsPlatform } from '@dotline/policies/policy-unit';
import { meshFolders } from '@dotline/runner/mesh-state';
import type { AllowedTrafficView, LivePoliciesView } from '@dotline/topology-ui/api';
import { BaseError } from './base-error.js';
import { type ComparisonRange, LIVE } from './comparison-range.js';
import { ApiError, readApi, UnavailableError } from './page-server-client.js';
import { resolveAddress } from './resolve-address.js';

/** What was compared, and what came of it. */
export interface PolicyDiffResult {
  readonly base: string;
  readonly head: string;
  /** Of the head; while there are any it cannot be compared. */
  readonly problems: readonly Problem[];
  readonly preview: ChangePreview | null;
}

interface DiffOptions {
  readonly mesh: string;
  readonly address?: string;
  readonly opaPath: string;
  /** Days of traffic. */
  readonly days: number;
}

interface NamedSide extends PreviewSide {
  readonly name: string;
}

/**
 * Compares the policies of two moments of one mesh directory.
 * @throws GitRefError, BaseError, OpaError; UnavailableError or ApiError when the live revision was named and is not to be had
 */
export async function policyDiff(
  { base, head }: ComparisonRange,
  options: DiffOptions,
): Promise<PolicyDiffResult> {
  const commit = head === undefined ? undefined : await namedCommit(options.mesh, head);
  const before = await baseSide(base, options);
  const names = { base: before.name, head: commit ? nameOf(commit) : 'the working directory' };
  try {
    const after = sideOf(await compiled(commit, options), before.revision);
    const preview = previewChange(before, after, await lookAtTraffic(options));
    return { ...names, problems: [], preview };
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    return { ...names, problems: error.problems, preview: null };
  }
}

async function baseSide(base: string | undefined, options: DiffOptions): Promise<NamedSide> {
  if (base === undefined || base === LIVE) {
    try {
      return await liveSide(options);
    } catch (error) {
      if (base === LIVE || options.address !== undefined || !isAbsence(error)) throw error;
    }
  }
  const commit = await namedCommit(options.mesh, base ?? 'HEAD');
  try {
    // The base is what went live, with the rules that have ended since: so a change that removes them can be seen.
    const before = await compiled(commit, options, 0);
    return { ...sideOf(before), name: nameOf(commit) };
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    const message = `${commit.ref} cannot be compared with, because it has problems:\n${error.message}`;
    throw new BaseError(message, { cause: error });
  }
}

async function liveSide(options: DiffOptions): Promise<NamedSide> {
  const address = await resolveAddress(options);
  const { revision, relations } = await readApi<LivePoliciesView>(address, '/api/policies/live');
  const commit = revision.commit === undefined ? '' : `, commit ${revision.commit.slice(0, 10)}`;
  return { revision, relations, name: `the live revision (${revision.id}${commit})` };
}

/** The mesh of a commit, or of the working directory. @throws MeshError, GitRefError, OpaError */
async function compiled(
  commit: NamedCommit | undefined,
  options: DiffOptions,
  nowMs = Date.now(),
): Promise<CompiledMesh> {
  if (commit === undefined) return compiledIn(options.mesh, options, nowMs);
  // The repository that ships the platform's rules has them as they were at the commit.
  const ships = await shipsItsPlatform(options.mesh);
  return withGitSnapshot(options.mesh, commit, (directory) =>
    compiledIn(directory, options, nowMs, ships ? join(directory, 'policies/platform') : undefined),
  );
}

async function compiledIn(
  directory: string,
  { mesh, opaPath }: DiffOptions,
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

function sideOf({ mesh, edges, relations }: CompiledMesh, previous?: Revision): PreviewSide {
  return { revision: makeRevision({ mesh, edges, createdAtMs: Date.now() }, previous), relations };
}

/** Such as `main (1a2b3c4d5e)`. */
function nameOf({ ref, commit }: NamedCommit): string {
  const short = commit.slice(0, 10);
  return commit.startsWith(ref) ? short : `${ref} (${short})`;
}

async function lookAtTraffic(options: DiffOptions): Promise<TrafficLook> {
  try {
    const address = await resolveAddress(options);
    const path = `/api/traffic/allowed?days=${options.days}`;
    return { seen: await readApi<AllowedTrafficView>(address, path) };
  } catch (error) {
    if (!isAbsence(error)) throw error;
    return { notSeen: error.message };
  }
}

/** No mesh answers, or a store that it would answer from is away. */
function isAbsence(error: unknown): error is UnavailableError | ApiError {
  return error instanceof UnavailableError || (error instanceof ApiError && error.status >= 500);
}
