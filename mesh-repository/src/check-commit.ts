import { join } from 'node:path';
import { withGitSnapshot } from '@dotline/control-plane/change-preview/git-snapshot';
import {
  type PolicyPreview,
  type PreviewSide,
  previewPolicies,
  type TrafficLook,
} from '@dotline/control-plane/change-preview/preview-policies';
import { touchedServices } from '@dotline/control-plane/rollout-plan';
import { loadMesh } from '@dotline/model/load-mesh';
import type { Mesh } from '@dotline/model/mesh';
import { MeshError } from '@dotline/model/mesh-error';
import { makeRevision, type Revision } from '@dotline/model/revision';
import { checkPolicies, type PolicyReport } from '@dotline/policies/check-policies';
import { PolicyCompiler } from '@dotline/policies/compile-policies';
import { withoutDocument } from '@dotline/policies/compiled-request-policy';
import { type MeshBranch, treeOf } from './mesh-branch.js';

/** What commits are checked with. */
export interface CheckTools {
  /** Path of the `opa` executable, or its name on PATH. */
  readonly opaPath: string;
  /** Folder for compiled policies: with that of the mesh, the control plane finds them compiled already. */
  readonly cacheDirectory: string;
  /** Whether the repository is the one that ships the platform's rules, so that those of the commit hold. */
  readonly shipsPlatform: boolean;
}

/** What a commit is compared with. */
export interface Baseline {
  /** The live revision; `undefined` when no mesh is up. */
  readonly live: PreviewSide | undefined;
  /** Compared with instead of it. */
  readonly commit: string | undefined;
  readonly traffic: TrafficLook;
}

/** What a commit would do. */
export interface CommitPreview extends PolicyPreview {
  /** Services whose sidecars get something else. */
  readonly touched: ReadonlySet<string> | 'all';
}

/** All that is known of a commit before it goes live. */
export interface CheckedCommit {
  readonly report: PolicyReport;
  /** `undefined` when it does not compile, and when there is nothing to compare with. */
  readonly preview: CommitPreview | undefined;
}

/**
 * Checks the mesh of a commit as `dotline policy check` does, and finds out what it would change.
 * @param paths that the commit changes: of others' tests the coverage is what it was
 * @throws GitRefError when there is no mesh at the commit, OpaError
 */
export async function checkCommit(
  mesh: MeshBranch,
  commit: string,
  paths: ReadonlySet<string>,
  baseline: Baseline,
  tools: CheckTools,
): Promise<CheckedCommit> {
  const named = { ref: commit.slice(0, 10), commit: treeOf(mesh, commit) };
  return withGitSnapshot(mesh.gitFolder, named, (directory) =>
    withCompiler(directory, tools, async (compiler, platform) => {
      const { opaPath, cacheDirectory } = tools;
      const nowMs = Date.now();
      const touchedOwners = ownersOfRules(paths);
      const [report, base] = await Promise.all([
        checkPolicies(directory, {
          ...{ opaPath, cacheDirectory, compiler, nowMs, ...platform },
          coverageOf: (owner) => touchedOwners.has(owner),
        }),
        baseSide(mesh, baseline, tools),
      ]);
      if (base === undefined || !compiles(report)) return { report, preview: undefined };
      // The compiler has all of it from the check.
      const after = await sideOf(await loadMesh(directory), compiler, nowMs, base.revision);
      const preview = {
        ...previewPolicies(base, after, baseline.traffic),
        touched: touchedServices(base.revision, after.revision),
      };
      return { report, preview };
    }),
  );
}

/** Whose coverage can be another than before. */
function ownersOfRules(paths: ReadonlySet<string>): ReadonlySet<string> {
  const owners = [...paths].flatMap((path) => {
    const [top, kind, team] = path.split('/');
    if (top !== 'policies') return [];
    return kind === 'teams' ? (team ?? []) : (kind ?? []);
  });
  return new Set(owners);
}

/** Tests that fail do not keep it from being compared. */
function compiles({ remarks }: PolicyReport): boolean {
  return !remarks.some(({ severity, check }) => severity === 'error' && check !== 'test');
}

/** The live revision, else what the commit before would make; nothing when that has problems. */
async function baseSide(
  mesh: MeshBranch,
  { live, commit }: Baseline,
  tools: CheckTools,
): Promise<PreviewSide | undefined> {
  if (live !== undefined || commit === undefined) return live;
  const named = { ref: commit.slice(0, 10), commit: treeOf(mesh, commit) };
  try {
    return await withGitSnapshot(mesh.gitFolder, named, (directory) =>
      // With the rules that have ended since, so that their removal can be seen.
      withCompiler(directory, tools, async (compiler) =>
        sideOf(await loadMesh(directory), compiler, 0),
      ),
    );
  } catch (error) {
    if (error instanceof MeshError) return undefined;
    throw error;
  }
}

async function sideOf(
  mesh: Mesh,
  compiler: PolicyCompiler,
  nowMs: number,
  previous?: Revision,
): Promise<PreviewSide> {
  const { edges, requestPolicies, needs, grants, baseline, refused } = await compiler.compile(
    mesh,
    nowMs,
  );
  const content = { mesh, edges, requestPolicies: requestPolicies.map(withoutDocument) };
  const revision = makeRevision({ ...content, createdAtMs: nowMs }, previous);
  return { revision, relations: { needs, grants, baseline, refused } };
}

async function withCompiler<Result>(
  directory: string,
  { opaPath, cacheDirectory, shipsPlatform }: CheckTools,
  use: (
    compiler: PolicyCompiler,
    platform: { readonly platformDirectory?: string },
  ) => Promise<Result>,
): Promise<Result> {
  const platform = shipsPlatform ? { platformDirectory: join(directory, 'policies/platform') } : {};
  const compiler = new PolicyCompiler({ opaPath, cacheDirectory, ...platform });
  try {
    return await use(compiler, platform);
  } finally {
    await compiler.close();
  }
}
