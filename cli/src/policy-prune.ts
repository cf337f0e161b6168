import { join } from 'node:path';
import {
  type NamedCommit,
  namedCommit,
  withGitSnapshot,
} from '@dotline/control-plane/change-preview/git-snapshot';
import { loadMesh } from '@dotline/model/load-mesh';
import type { Mesh } from '@dotline/model/mesh';
import { PolicyCompiler } from '@dotline/policies/compile-policies';
import { lastCommits, withCommit } from '@dotline/policies/git-witness';
import type { PolicyState } from '@dotline/policies/policy-diff';
import { shipsItsPlatform } from '@dotline/policies/policy-unit';
import { checkNewBranch, commitOnBranch } from '@dotline/policies/prune-branch';
import { type PruneResult, prunePolicies } from '@dotline/policies/prune-policies';
import { commitTimes } from '@dotline/policies/unused-commit-times';
import { findUnused, type UnusedReport } from '@dotline/policies/unused-edges';
import { meshFolders } from '@dotline/runner/mesh-state';
import { readLiveUsage, type UsageOptions } from './policy-unused.js';
import { pruneMessage } from './prune-message.js';

interface PruneCommandOptions extends UsageOptions {
  readonly opaPath: string;
  readonly branch?: string;
}

/** What came of it. */
export interface PolicyPruneResult {
  readonly base: NamedCommit;
  readonly branch: string;
  /** The branch's commit; `null` when there is none. */
  readonly commit: string | null;
  readonly report: UnusedReport;
  /** `null` when records are too short to remove anything. */
  readonly pruned: PruneResult | null;
}

/**
 * Makes a branch from `HEAD` without the rules that nobody used, proven by compiling it.
 * @throws GitRefError, BranchError, MeshError, OpaError, UnavailableError, ApiError
 */
export async function policyPrune(options: PruneCommandOptions): Promise<PolicyPruneResult> {
  const { mesh, opaPath, team, days } = options;
  const branch = options.branch ?? `prune-unused-${new Date().toISOString().slice(0, 10)}`;
  const base = await namedCommit(mesh, 'HEAD');
  await checkNewBranch(mesh, branch);
  const { usage, ages } = await readLiveUsage(options);
  const { root } = await meshFolders(mesh);
  const ships = await shipsItsPlatform(mesh);
  return withGitSnapshot(mesh, base, async (directory) => {
    const compiler = new PolicyCompiler({
      opaPath,
      cacheDirectory: join(root, 'policy-cache'),
      // The repository that ships the platform's rules has them as they were at the commit.
      ...(ships ? { platformDirectory: join(directory, 'policies/platform') } : {}),
    });
    try {
      const state = await stateOf(await loadMesh(directory), compiler, mesh);
      const commitsMs = await commitTimes(mesh, state.relations);
      const report = findUnused(state, usage, { ...ages, commitsMs }, team);
      // What was removed for want of records could have been used before they began.
      if (!report.historyIsWhole) return { base, branch, commit: null, report, pruned: null };
      const how = { opaPath, compiler, ...(team === undefined ? {} : { team }) };
      const pruned = await prunePolicies(directory, state, report, how);
      if (pruned.files.size === 0) return { base, branch, commit: null, report, pruned };
      const message = pruneMessage(pruned, report, days);
      const { files } = pruned;
      const commit = await commitOnBranch(mesh, { branch, base: base.commit, message, files });
      return { base, branch, commit, report, pruned };
    } finally {
      await compiler.close();
    }
  });
}

/** The policies of a snapshot, with the commits that the checkout knows of their files. */
async function stateOf(
  mesh: Mesh,
  compiler: PolicyCompiler,
  checkout: string,
): Promise<PolicyState> {
  const { edges, needs, grants, baseline, refused, rules } = await compiler.compile(mesh);
  const commits = await lastCommits(checkout, new Set(rules.map(({ file }) => file)));
  const stamp = <Relation extends (typeof needs)[number] | (typeof grants)[number]>(
    relation: Relation,
  ) => ({ ...relation, witness: withCommit(relation.witness, commits) });
  return {
    mesh,
    edges: edges.map((edge) => ({
      ...edge,
      operations: edge.operations.map((agreed) => ({
        ...agreed,
        need: withCommit(agreed.need, commits),
        grant: withCommit(agreed.grant, commits),
      })),
    })),
    relations: { needs: needs.map(stamp), grants: grants.map(stamp), baseline, refused },
  };
}
