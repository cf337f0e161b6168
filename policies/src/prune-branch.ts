import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askGit, GitError, git } from '@dotline/platform-process/git';
import { BranchError } from './branch-error.js';

const NO_COMMIT = '0'.repeat(40);

/** A commit to be made on a new branch. */
export interface BranchCommit {
  readonly branch: string;
  /** Its parent. */
  readonly base: string;
  readonly message: string;
  /** New texts by file, relative to the mesh directory; each of these files is in the base. */
  readonly files: ReadonlyMap<string, string>;
}

/** @throws BranchError when the name cannot be that of a new branch */
export async function checkNewBranch(directory: string, branch: string): Promise<void> {
  const named = await askGit(directory, ['check-ref-format', '--branch', branch]);
  if (named === undefined) throw new BranchError(`${branch} is no name of a branch`);
  const ref = `refs/heads/${branch}`;
  if ((await askGit(directory, ['rev-parse', '--verify', '--quiet', ref])) !== undefined) {
    throw new BranchError(`there is a branch ${branch} already: delete it, or name another`);
  }
}

/**
 * Makes a branch with one commit, by an index of its own: the checkout, its index and what is checked out stay as
 * they are.
 * @returns the commit
 * @throws BranchError with Git's own words
 */
export async function commitOnBranch(
  directory: string,
  { branch, base, message, files }: BranchCommit,
): Promise<string> {
  await checkNewBranch(directory, branch);
  const folder = await mkdtemp(join(tmpdir(), 'dotline-index-'));
  const env = { GIT_INDEX_FILE: join(folder, 'index') };
  const run = async (args: readonly string[], input = ''): Promise<string> => {
    try {
      return (await git(directory, args, { env, input })).trim();
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      throw new BranchError(`git ${args[0]}: ${error.stderr.trim() || error.message}`);
    }
  };
  try {
    const prefix = await run(['rev-parse', '--show-prefix']);
    await run(['read-tree', base]);
    for (const [file, text] of files) {
      const path = `${prefix}${file}`;
      const [mode = '100644'] = (await run(['ls-files', '--stage', '--', file])).split(' ');
      const blob = await run(['hash-object', '-w', '--stdin', '--path', file], text);
      await run(['update-index', '--cacheinfo', `${mode},${blob},${path}`]);
    }
    const tree = await run(['write-tree']);
    const commit = await run(['commit-tree', tree, '-p', base, '-F', '-'], message);
    await run([
      'update-ref',
      '-m',
      'dotline policy prune',
      `refs/heads/${branch}`,
      commit,
      NO_COMMIT,
    ]);
    return commit;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
