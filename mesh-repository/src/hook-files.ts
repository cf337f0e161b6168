import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import writeFileAtomic from 'write-file-atomic';
import { RepositoryError } from './repository-error.js';

/** In every hook that is ours, so that it may be replaced. */
const MARK = '# Written by dotline; dotline git writes it anew.';

/** How hooks call the command. */
export interface HookCommand {
  /** Program and first arguments, such as `node …/dotline.js`. */
  readonly dotline: readonly string[];
  /** What `pre-receive` and `post-receive` are told about their mesh. */
  readonly args: readonly string[];
  /** The mesh directory whose checkout takes what is pushed, when the repository is its own. */
  readonly checkout: string | undefined;
}

/**
 * Writes Git's hooks into a folder.
 * @throws RepositoryError when there are others already
 */
export async function writeHooks(folder: string, command: HookCommand): Promise<void> {
  await mkdir(folder, { recursive: true });
  const call = (hook: string) => [...command.dotline, 'git', hook, ...command.args];
  const hooks = new Map([
    ['pre-receive', call('pre-receive')],
    ['post-receive', call('post-receive')],
  ]);
  if (command.checkout !== undefined) {
    const script = fileURLToPath(new URL('./push-to-checkout.js', import.meta.url));
    hooks.set('push-to-checkout', [process.execPath, script, command.checkout]);
  }
  for (const name of hooks.keys()) await refuseForeign(join(folder, name), name);
  for (const [name, words] of hooks) {
    const path = join(folder, name);
    await writeFileAtomic(path, `#!/bin/sh\n${MARK}\nexec ${words.map(quoted).join(' ')} "$@"\n`);
    await chmod(path, 0o755);
  }
}

async function refuseForeign(path: string, name: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined || text.includes(MARK)) return;
  throw new RepositoryError(
    `${path} is there already: rename it, install the hooks, and call it from the new ${name}`,
  );
}

/** For a shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
