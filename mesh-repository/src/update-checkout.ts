// A part of Git's hook `update`: the live branch is checked out in the mesh directory, which now takes the
// commit that was pushed. Git then moves the branch, and `post-receive` lets the directory be read again.
// Git's own `push-to-checkout` would do it a moment later, but lets nobody tell the pusher why it cannot.
import { beginCheckout, endCheckout } from '@dotline/control-plane/mesh-source/checkout-lock';
import { execa } from 'execa';

const [meshDirectory = '.', commit = 'HEAD'] = process.argv.slice(2);
// The checkout has one of its own.
delete process.env.GIT_DIR;

async function git(...args: readonly string[]): Promise<boolean> {
  const ran = await execa('git', ['-C', meshDirectory, ...args], { reject: false });
  if (ran.failed && ran.stderr !== '') console.error(ran.stderr);
  return !ran.failed;
}

await beginCheckout(meshDirectory);
// Of two pushes at once the second finds another commit here than it was judged against.
const isForward = await git('merge-base', '--is-ancestor', 'HEAD', commit);
if (!isForward) {
  console.error('error: somebody else has pushed meanwhile: git pull --rebase, then push again');
}
await git('update-index', '-q', '--refresh');
if (!isForward || !(await git('read-tree', '-u', '-m', 'HEAD', commit))) {
  await endCheckout(meshDirectory);
  process.exitCode = 1;
}
