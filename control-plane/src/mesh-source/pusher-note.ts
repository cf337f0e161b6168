import { askGit } from '@dotline/platform-process/git';

const TIMEOUT_MS = 10_000;

/**
 * Git notes that say who pushed a commit to the live branch, as the server that took the push knew it. Its
 * `update` hook writes them, and nobody may push them.
 */
export const PUSHERS_REF = 'refs/notes/dotline-pushers';

/** Who pushed a commit; `undefined` when it did not come by a push that was checked here. */
export async function pusherOf(directory: string, commit: string): Promise<string | undefined> {
  const show = ['notes', `--ref=${PUSHERS_REF}`, 'show', commit];
  const note = (await askGit(directory, show, { timeoutMs: TIMEOUT_MS }))?.trim();
  return note === '' ? undefined : note;
}
