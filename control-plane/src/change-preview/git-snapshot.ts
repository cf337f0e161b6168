import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

const TIMEOUT_MS = 60_000;
const CONTENT = ['mesh.yaml', 'services', 'policies', 'slo'];

/** A name that Git does not know, or under which there is no mesh. One line, with the name. */
export class GitRefError extends Error {
  override readonly name = 'GitRefError';

  constructor(
    readonly ref: string,
    message: string,
  ) {
    super(message);
  }
}

/** A mesh directory as a commit has it. */
export interface GitSnapshot {
  readonly commit: string;
  /** A temporary folder. */
  readonly directory: string;
}

/**
 * Gives `use` a mesh directory's content as a branch, tag or commit has it, and removes it afterwards.
 * The checkout, its index and its worktrees are left alone.
 * @throws GitRefError, and what `use` throws
 */
export async function withGitSnapshot<Result>(
  meshDirectory: string,
  ref: string,
  use: (snapshot: GitSnapshot) => Promise<Result>,
): Promise<Result> {
  const commit = await commitOf(meshDirectory, ref);
  if (commit === undefined) {
    throw new GitRefError(ref, `Git knows no ${ref} in ${meshDirectory}`);
  }
  // Both are relative to the mesh directory, wherever it stands in its repository.
  const listed = await git(meshDirectory, ['ls-tree', '--name-only', commit, '--', ...CONTENT]);
  const content = listed.stdout.split('\n').filter((name) => name !== '');
  if (listed.failed || !content.includes('mesh.yaml')) {
    throw new GitRefError(ref, `there is no mesh.yaml in ${meshDirectory} at ${ref}`);
  }
  const folder = await mkdtemp(join(tmpdir(), 'dotline-snapshot-'));
  try {
    const archive = join(folder, 'mesh.tar');
    const directory = join(folder, 'mesh');
    await mkdir(directory);
    const made = await git(meshDirectory, [
      'archive',
      '--format=tar',
      `--output=${archive}`,
      commit,
      '--',
      ...content,
    ]);
    if (made.failed) throw new GitRefError(ref, `${ref} cannot be read: ${made.stderr}`);
    await execa('tar', ['-xf', archive, '-C', directory], { timeout: TIMEOUT_MS });
    return await use({ commit, directory });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The commit that a branch, tag or commit's name stands for, or `undefined` when Git knows none. */
export async function commitOf(meshDirectory: string, ref: string): Promise<string | undefined> {
  const { failed, stdout } = await git(meshDirectory, [
    'rev-parse',
    '--verify',
    '--quiet',
    '--end-of-options',
    `${ref}^{commit}`,
  ]);
  return failed ? undefined : stdout;
}

function git(directory: string, args: readonly string[]) {
  return execa('git', ['--no-optional-locks', '-C', directory, ...args], {
    timeout: TIMEOUT_MS,
    reject: false,
  });
}
