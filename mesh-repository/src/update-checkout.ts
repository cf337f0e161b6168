// A part of Git's hook `update`: the live branch is checked out in the mesh directory, which now takes the
// commit that was pushed. Git then moves the branch, and `post-receive` lets the directory be read again.
// Git's own `push-to-checkout` would do it a moment later, but lets nobody tell the pusher why it cannot.
import { beginCheckout, endCheckout } from '@dotline/control-plane/mesh-source/checkout-lock';
import { GitError, git } from '@dotline/platform-process/git';

const [meshDirectory = '.', commit = 'HEAD'] = process.argv.slice(2);
// The checkout has one of its own.
delete process.env.GIT_DIR;

async function does(...args: readonly string[]): Promise<boolean> {
  try {
    await git(meshDirectory, args);
    return true;
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    if (error.stderr !== '') console.error(error.stderr);
    return false;
  }
}

await beginCheckout(meshDirectory);
// Of two pushes at once the second finds another commit here than it was judged against.
const isForward = await does('merge-base', '--is-ancestor', 'HEAD', commit);
if (!isForward) {
  console.error('error: somebody else has pushed meanwhile: git pull --rebase, then push again');
}
await does('update-index', '-q', '--refresh');
if (!isForward || !(await does('read-tree', '-u', '-m', 'HEAD', commit))) {
  await endCheckout(meshDirectory);
  process.exitCode = 1;
}
