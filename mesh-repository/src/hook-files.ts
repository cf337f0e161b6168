import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkoutLockPath } from '@dotline/control-plane/mesh-source/checkout-lock';
import { PUSHERS_REF } from '@dotline/control-plane/mesh-source/pusher-note';
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
  /** The live branch. */
  readonly branch: string;
  /** The mesh directory whose checkout takes what is pushed, when the repository is its own. */
  readonly checkout: string | undefined;
}

/**
 * Writes Git's hooks into a folder.
 * @throws RepositoryError when there are others already
 */
export async function writeHooks(folder: string, command: HookCommand): Promise<void> {
  await mkdir(folder, { recursive: true });
  const hooks = hooksOf(command);
  for (const name of hooks.keys()) await refuseForeign(join(folder, name), name);
  for (const [name, lines] of hooks) {
    const path = join(folder, name);
    await writeFileAtomic(path, `${['#!/bin/sh', MARK, ...lines].join('\n')}\n`);
    await chmod(path, 0o755);
  }
}

/** The lines of each hook, for a shell. */
function hooksOf(command: HookCommand): Map<string, string[]> {
  const { dotline, args, checkout } = command;
  const call = (...words: readonly string[]) => `exec ${words.map(quoted).join(' ')} "$@"`;
  const hooks = new Map([
    ['pre-receive', [call(...dotline, 'git', 'pre-receive', ...args)]],
    ['update', beforeMoving(command)],
    ['post-receive', [call(...dotline, 'git', 'post-receive', ...args)]],
  ]);
  if (checkout !== undefined) {
    // The mesh directory has taken the commit by then.
    hooks.set('push-to-checkout', ['exit 0']);
    // The branch has moved: the mesh directory may be read, before the command has even started.
    hooks.get('post-receive')?.unshift(`rm -f ${quoted(checkoutLockPath(checkout))}`);
  }
  return hooks;
}

/**
 * Before the live branch moves, notes who pushed, so that whoever finds the new commit finds the note, and
 * lets the mesh directory take the commit. Whom the note names is the rule of `pusherFrom`.
 */
function beforeMoving({ branch, checkout }: HookCommand): string[] {
  const author = '-c user.name=dotline -c user.email=dotline@localhost';
  const pusher = `"\${REMOTE_USER:-\${DOTLINE_PUSHER:-$(id -un)}}"`;
  // Of a checkout it is the branch that it is on at the moment.
  const live =
    checkout === undefined
      ? quoted(`refs/heads/${branch}`)
      : `"$(env -u GIT_DIR git -C ${quoted(checkout)} symbolic-ref HEAD)"`;
  const script = fileURLToPath(new URL('./update-checkout.js', import.meta.url));
  const updateCheckout = `${quoted(process.execPath)} ${quoted(script)}`;
  return [
    `[ "$1" = ${live} ] || exit 0`,
    `git ${author} notes --ref=${PUSHERS_REF} add --force -m ${pusher} "$3" >&2`,
    checkout === undefined ? 'exit 0' : `exec ${updateCheckout} ${quoted(checkout)} "$3"`,
  ];
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
