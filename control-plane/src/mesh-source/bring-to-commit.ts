import { execa } from 'execa';
import { beginCheckout, endCheckout } from './checkout-lock.js';

const TIMEOUT_MS = 60_000;

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
  const git = (...args: readonly string[]) =>
    execa('git', ['-C', meshDirectory, ...args], { timeout: TIMEOUT_MS, reject: false });
  const head = await git('rev-parse', '--verify', '--quiet', 'HEAD^{commit}');
  if (head.failed) throw new CheckoutError(`${meshDirectory} is no Git checkout with a commit`);
  if (head.stdout === commit) return;
  const isForward = await git('merge-base', '--is-ancestor', 'HEAD', commit);
  if (isForward.failed) {
    throw new CheckoutError(
      `${meshDirectory} has commits that ${commit.slice(0, 10)} has not: push them, or git reset --hard ${commit.slice(0, 10)} there`,
    );
  }
  await beginCheckout(meshDirectory);
  const taken = await git('merge', '--ff-only', '--no-edit', '--quiet', commit).finally(() =>
    endCheckout(meshDirectory),
  );
  if (taken.failed) {
    const files = taken.stderr
      .split('\n')
      .filter((line) => line.startsWith('\t'))
      .map((line) => line.trim());
    const reason = files.length > 0 ? files.join(', ') : (taken.stderr.split('\n')[0] ?? '');
    throw new CheckoutError(
      `${meshDirectory} has been changed by hand where ${commit.slice(0, 10)} changes it too: commit or discard ${reason}`,
    );
  }
}
