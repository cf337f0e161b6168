import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { askGit, GitError, git } from '@dotline/platform-process/git';
import { RepositoryError } from './repository-error.js';

const TIMEOUT_MS = 600_000;

/**
 * Sees to it that a mesh directory can follow a branch: an empty one is filled from it, a checkout stays as
 * it is.
 * @param follow `<url>#<branch>`; the URL may be a path
 * @returns the same, with an absolute path
 * @throws RepositoryError
 */
export async function ensureFollowing(meshDirectory: string, follow: string): Promise<string> {
  const [, named, branch] = /^([^-\s]\S*)#([^-\s]\S*)$/.exec(follow) ?? [];
  if (named === undefined || branch === undefined) {
    throw new RepositoryError(
      `${JSON.stringify(follow)} is no <url>#<branch>, such as https://git.example/mesh.git#main`,
    );
  }
  const url = named.includes(':') ? named : resolve(named);
  await mkdir(meshDirectory, { recursive: true });
  const content = (await readdir(meshDirectory)).filter((name) => name !== '.dotline');
  if (content.length > 0) {
    const top = await askGit(meshDirectory, ['rev-parse', '--show-toplevel']);
    if (top !== undefined) return `${url}#${branch}`;
    throw new RepositoryError(
      `${meshDirectory} is no Git checkout and not empty: clone ${url}, or name an empty folder`,
    );
  }
  try {
    for (const args of [
      ['init', '--quiet', `--initial-branch=${branch}`],
      ['fetch', '--quiet', '--end-of-options', url, `refs/heads/${branch}`],
      ['reset', '--quiet', '--hard', 'FETCH_HEAD'],
    ]) {
      await git(meshDirectory, args, { timeoutMs: TIMEOUT_MS });
    }
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    await rm(join(meshDirectory, '.git'), { recursive: true, force: true });
    throw new RepositoryError(`branch ${branch} of ${url} cannot be fetched: ${error.message}`);
  }
  return `${url}#${branch}`;
}
