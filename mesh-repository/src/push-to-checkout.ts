// Git's hook `push-to-checkout`: the live branch is checked out in the mesh directory, which now takes the
// commit that was pushed. Git then moves the branch, and `post-receive` lets the directory be read again.
import { beginCheckout, endCheckout } from '@dotline/control-plane/mesh-source/checkout-lock';
import { execa } from 'execa';

const [meshDirectory = '.', commit = 'HEAD'] = process.argv.slice(2);

async function git(...args: readonly string[]): Promise<boolean> {
  const { failed } = await execa('git', args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    reject: false,
  });
  return !failed;
}

await beginCheckout(meshDirectory);
// Of two pushes at once the second finds another commit here than it was judged against.
const isForward = await git('merge-base', '--is-ancestor', 'HEAD', commit);
await git('update-index', '-q', '--refresh');
if (!isForward || !(await git('read-tree', '-u', '-m', 'HEAD', commit))) {
  await endCheckout(meshDirectory);
  process.exitCode = 1;
}
