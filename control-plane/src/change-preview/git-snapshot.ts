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

/** What a branch, tag or commit's name stands for at the moment. */
export interface NamedCommit {
  readonly ref: string;
  readonly commit: string;
}

/** @throws GitRefError when Git knows none of this name */
export async function namedCommit(meshDirectory: string, ref: string): Promise<NamedCommit> {
  const { failed, stdout: commit } = await git(meshDirectory, [
    'rev-parse',
    '--verify',
    '--quiet',
    '--end-of-options',
    `${ref}^{commit}`,
  ]);
  if (failed) throw new GitRefError(ref, `Git knows no ${ref} in ${meshDirectory}`);
  return { ref, commit };
}

/**
 * Gives `use` a temporary folder with a mesh directory's content as a commit has it, and removes it
 * afterwards. The checkout, its index and its worktrees are left alone.
 * @throws GitRefError, and what `use` throws
 */
export async function withGitSnapshot<Result>(
  meshDirectory: string,
  { ref, commit }: NamedCommit,
  use: (directory: string) => Promise<Result>,
): Promise<Result> {
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
    return await use(directory);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function git(directory: string, args: readonly string[]) {
  return execa('git', ['--no-optional-locks', '-C', directory, ...args], {
    timeout: TIMEOUT_MS,
    reject: false,
  });
}
