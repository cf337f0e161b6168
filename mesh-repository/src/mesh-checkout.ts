import { appendFile, mkdir, realpath } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { PUSHERS_REF } from '@dotline/control-plane/mesh-source/pusher-note';
import { askGit, GitError, git, splitAtNul } from '@dotline/platform-process/git';
import type { MeshBranch } from './mesh-branch.js';
import { RepositoryError } from './repository-error.js';

const CONTENT = ['mesh.yaml', 'services', 'policies', 'slo'];

/** A mesh directory that is a Git checkout, or a part of one. */
export interface MeshCheckout extends MeshBranch {
  /** Absolute. */
  readonly directory: string;
}

/**
 * The checkout that a mesh directory is in, on the branch that it has checked out.
 * @throws RepositoryError
 */
export async function openMeshCheckout(meshDirectory: string): Promise<MeshCheckout> {
  const directory = await realpath(meshDirectory).catch(() => {
    throw new RepositoryError(`there is no ${meshDirectory}`);
  });
  const top = await askGit(directory, ['rev-parse', '--show-toplevel']);
  if (top === undefined) {
    throw new RepositoryError(
      `${directory} is not in a Git checkout: git init there, or clone one`,
    );
  }
  const tracked = await askGit(directory, ['ls-files', '--error-unmatch', 'mesh.yaml']);
  if (tracked === undefined) {
    throw new RepositoryError(
      `${directory}/mesh.yaml is not committed in ${top}: commit the mesh directory`,
    );
  }
  const common = await askGit(directory, [
    'rev-parse',
    '--path-format=absolute',
    '--git-common-dir',
  ]);
  const branch = await askGit(directory, ['symbolic-ref', '--quiet', '--short', 'HEAD']);
  if (branch === undefined) {
    throw new RepositoryError(
      `${directory} is on no branch: git checkout the one that is to be enforced`,
    );
  }
  return {
    directory,
    gitFolder: common ?? join(top, '.git'),
    branch,
    folder: relative(top, directory),
  };
}

/**
 * Makes a plain mesh directory a Git checkout of its own, with all of its content in a first commit.
 * @returns whether that was needed
 */
export async function ensureMeshCheckout(meshDirectory: string): Promise<boolean> {
  const isCheckout = (await askGit(meshDirectory, ['rev-parse', '--show-toplevel'])) !== undefined;
  if (!isCheckout) {
    const present = await Promise.all(
      CONTENT.map(async (name) =>
        (await realpath(join(meshDirectory, name)).catch(() => '')) ? [name] : [],
      ),
    );
    const author = ['-c', 'user.name=dotline', '-c', 'user.email=dotline@localhost'];
    await must(meshDirectory, ['init', '--quiet', '--initial-branch=main']);
    await must(meshDirectory, ['add', '--', ...present.flat()]);
    await must(meshDirectory, [
      ...author,
      'commit',
      '--quiet',
      '-m',
      'The mesh directory as it was',
    ]);
  }
  await ignoreState(meshDirectory);
  return !isCheckout;
}

/** Files that differ from the commit, or are not in it, relative to the mesh directory. */
export async function changedByHand(meshDirectory: string): Promise<ReadonlySet<string>> {
  const status = ['status', '--porcelain', '-z', '--untracked-files=all', '--no-renames'];
  const output = (await askGit(meshDirectory, [...status, '--', '.'])) ?? '';
  const prefix = (await askGit(meshDirectory, ['rev-parse', '--show-prefix'])) ?? '';
  const paths = splitAtNul(output).map((entry) => entry.slice(3));
  return new Set(paths.map((path) => path.slice(prefix.length)));
}

/** Whether a mesh directory's checkout belongs to a repository. */
export async function isCheckoutOf(meshDirectory: string, gitFolder: string): Promise<boolean> {
  const common = await askGit(meshDirectory, [
    'rev-parse',
    '--path-format=absolute',
    '--git-common-dir',
  ]);
  const real = (path: string) => realpath(path).catch(() => undefined);
  return common !== undefined && (await real(common)) === (await real(gitFolder));
}

/**
 * Fetches a branch of another repository, and who pushed to it, into the repository of a mesh directory;
 * the directory stays as it is.
 * @throws RepositoryError
 */
export async function fetchInto(meshDirectory: string, from: MeshBranch): Promise<void> {
  const notes = `+${PUSHERS_REF}*:${PUSHERS_REF}*`;
  await must(meshDirectory, ['fetch', '--quiet', '--no-tags', from.gitFolder, from.branch, notes]);
}

/** A running mesh keeps its state in `.dotline/`, which is no content. */
async function ignoreState(meshDirectory: string): Promise<void> {
  if (
    (await askGit(meshDirectory, ['check-ignore', '--quiet', '.dotline/state.json'])) !== undefined
  )
    return;
  const exclude = await must(meshDirectory, [
    'rev-parse',
    '--path-format=absolute',
    '--git-path',
    'info/exclude',
  ]);
  await mkdir(dirname(exclude), { recursive: true });
  await appendFile(exclude, '\n.dotline/\n');
}

/** @throws RepositoryError with Git's words */
async function must(directory: string, args: readonly string[]): Promise<string> {
  try {
    return await git(directory, args);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw new RepositoryError(`git in ${directory}: ${error.message}`);
  }
}
