import { realpath } from 'node:fs/promises';
import { askGit, git } from '@dotline/platform-process/git';
import { isCheckoutOf, openMeshCheckout } from './mesh-checkout.js';
import { RepositoryError } from './repository-error.js';

/** A repository that somebody else serves, ready for our hooks. */
export interface InstalledRepository {
  readonly hooksFolder: string;
  /** The live branch. */
  readonly branch: string;
  /** The mesh directory, when its checkout is one of this repository. */
  readonly checkout: string | undefined;
}

/**
 * Finds out about a repository, bare or of a mesh directory, and lets it take what hooks need: options of
 * a push, and pushes to the branch that the mesh directory has checked out.
 * @throws RepositoryError when there is no repository, or no such branch
 */
export async function prepareRepository(
  repository: string,
  wanted: { readonly mesh?: string; readonly branch?: string },
): Promise<InstalledRepository> {
  const gitFolder = await gitFolderOf(repository);
  const isBare = (await git({ gitFolder }, ['rev-parse', '--is-bare-repository'])) === 'true';
  const mesh = wanted.mesh ?? (isBare ? undefined : repository);
  const isOwn = mesh !== undefined && (await isCheckoutOf(mesh, gitFolder));
  const checkout = isOwn ? await openMeshCheckout(mesh) : undefined;
  const own = await askGit({ gitFolder }, ['symbolic-ref', '--short', 'HEAD']);
  const branch = wanted.branch ?? checkout?.branch ?? own;
  if (branch === undefined) {
    throw new RepositoryError(`${repository} is on no branch: name the live one with --branch`);
  }
  await checkBranchName(gitFolder, branch);
  await git({ gitFolder }, ['config', 'receive.advertisePushOptions', 'true']);
  if (checkout !== undefined) {
    await git({ gitFolder }, ['config', 'receive.denyCurrentBranch', 'updateInstead']);
  }
  const hooks = ['rev-parse', '--path-format=absolute', '--git-path', 'hooks'];
  return {
    hooksFolder: await git({ gitFolder }, hooks),
    branch,
    checkout: checkout?.directory,
  };
}

/** @throws RepositoryError */
async function gitFolderOf(repository: string): Promise<string> {
  for (const folder of [`${repository}/.git`, repository]) {
    try {
      const real = await realpath(folder);
      return await git({ gitFolder: real }, [
        'rev-parse',
        '--path-format=absolute',
        '--git-common-dir',
      ]);
    } catch {
      // The other one may be.
    }
  }
  throw new RepositoryError(`${repository} is no Git repository: git init --bare makes one`);
}

async function checkBranchName(gitFolder: string, branch: string): Promise<void> {
  if ((await askGit({ gitFolder }, ['check-ref-format', '--branch', branch])) === undefined) {
    throw new RepositoryError(`${JSON.stringify(branch)} cannot be a branch's name`);
  }
}
