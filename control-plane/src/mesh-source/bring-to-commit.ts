import { askGit, GitError, git } from '@dotline/platform-process/git';
import { beginCheckout, endCheckout } from './checkout-lock.js';

/** A mesh directory cannot take a commit. One line, with the way out. */
export class CheckoutError extends Error {
  override readonly name = 'CheckoutError';
}

/**
 * Brings the branch of a mesh directory's checkout forward to a commit that is in its repository, in one
 * step for whoever watches it. Changes by hand in other files stay.
 * @throws CheckoutError when the checkout has commits or changes that are in the way
 */
export async function bringToCommit(meshDirectory: string, commit: string): Promise<void> {
  const head = await askGit(meshDirectory, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']);
  if (head === undefined) {
    throw new CheckoutError(`${meshDirectory} is no Git checkout with a commit`);
  }
  if (head === commit) return;
  const isForward = await askGit(meshDirectory, ['merge-base', '--is-ancestor', 'HEAD', commit]);
  if (isForward === undefined) {
    throw new CheckoutError(
      `${meshDirectory} has commits that ${commit.slice(0, 10)} has not: push them, or git reset --hard ${commit.slice(0, 10)} there`,
    );
  }
  await beginCheckout(meshDirectory);
  try {
    await git(meshDirectory, ['merge', '--ff-only', '--no-edit', '--quiet', commit]);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    const files = error.stderr
      .split('\n')
      .filter((line) => line.startsWith('\t'))
      .map((line) => line.trim());
    const reason = files.length > 0 ? files.join(', ') : error.message;
    throw new CheckoutError(
      `${meshDirectory} has been changed by hand where ${commit.slice(0, 10)} changes it too: commit or discard ${reason}`,
    );
  } finally {
    await endCheckout(meshDirectory);
  }
}
