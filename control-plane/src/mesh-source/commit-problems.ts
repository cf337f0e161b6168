import { join } from 'node:path';
import type { Problem } from '@dotline/model/mesh-error';
import { checkPolicies } from '@dotline/policies/check-policies';
import { shipsItsPlatform } from '@dotline/policies/policy-unit';
import { withGitSnapshot } from '../change-preview/git-snapshot.js';

/**
 * What keeps a commit of a mesh directory's repository from going live: every error that
 * `dotline policy check` finds in it, failing tests among them.
 * @throws GitRefError when there is no mesh at the commit, OpaError
 */
export async function commitProblems(
  directory: string,
  commit: string,
  tools: { readonly opaPath: string; readonly cacheDirectory: string },
): Promise<readonly Problem[]> {
  const ships = await shipsItsPlatform(directory);
  return withGitSnapshot(directory, { ref: commit.slice(0, 10), commit }, async (snapshot) => {
    const platform = ships ? { platformDirectory: join(snapshot, 'policies/platform') } : {};
    const report = await checkPolicies(snapshot, { ...tools, ...platform, nowMs: Date.now() });
    return report.remarks.filter(({ severity }) => severity === 'error');
  });
}
