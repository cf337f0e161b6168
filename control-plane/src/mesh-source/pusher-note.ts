import { execa } from 'execa';

const TIMEOUT_MS = 10_000;

/** Git notes that say who pushed a commit, as the server that took the push knew it. Nobody may push them. */
export const PUSHERS_REF = 'refs/notes/dotline-pushers';

/** Notes who pushed a commit to the live branch. @throws Error when Git cannot write */
export async function notePusher(gitFolder: string, commit: string, pusher: string): Promise<void> {
  const author = ['-c', 'user.name=dotline', '-c', 'user.email=dotline@localhost'];
  const note = ['notes', `--ref=${PUSHERS_REF}`, 'add', '--force', '-m', pusher, commit];
  await execa('git', [`--git-dir=${gitFolder}`, ...author, ...note], { timeout: TIMEOUT_MS });
}

/** Who pushed a commit; `undefined` when it did not come by a push that was checked here. */
export async function pusherOf(directory: string, commit: string): Promise<string | undefined> {
  const show = ['notes', `--ref=${PUSHERS_REF}`, 'show', commit];
  const { failed, stdout } = await execa('git', ['-C', directory, ...show], {
    timeout: TIMEOUT_MS,
    reject: false,
  });
  return failed || stdout.trim() === '' ? undefined : stdout.trim();
}
