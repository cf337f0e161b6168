import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { askGit, GitError, gitBytes, splitAtNul } from '@dotline/platform-process/git';
import { GitRefError } from './git-ref-error.js';

const CONTENT = ['mesh.yaml', 'services', 'policies', 'slo'];
const FILES_MAX = 20_000;
/** Regular files, executable or not; no links. */
const FILE_MODES = new Set(['100644', '100755']);

/** What a branch, tag or commit's name stands for at the moment. */
export interface NamedCommit {
  readonly ref: string;
  /** Or `<commit>:<folder>` for the mesh in a folder of a bare repository. */
  readonly commit: string;
}

/** @throws GitRefError when Git knows none of this name */
export async function namedCommit(meshDirectory: string, ref: string): Promise<NamedCommit> {
  const commit = await askGit(meshDirectory, [
    'rev-parse',
    '--verify',
    '--quiet',
    '--end-of-options',
    `${ref}^{commit}`,
  ]);
  if (commit === undefined) throw new GitRefError(ref, `Git knows no ${ref} in ${meshDirectory}`);
  return { ref, commit };
}

/**
 * Gives `use` a temporary folder with the YAML and Rego files of a mesh directory as a commit has them,
 * and removes it afterwards. They come from Git's objects, so that no `.gitattributes` hides or changes
 * one. The checkout, its index and its worktrees are left alone.
 * @throws GitRefError, and what `use` throws
 */
export async function withGitSnapshot<Result>(
  meshDirectory: string,
  { ref, commit }: NamedCommit,
  use: (directory: string) => Promise<Result>,
): Promise<Result> {
  // Paths are relative to the mesh directory, wherever it stands in its repository.
  const listed = await askGit(meshDirectory, ['ls-tree', '-r', '-z', commit, '--', ...CONTENT]);
  const files = splitAtNul(listed ?? '').flatMap(meshFile);
  if (!files.some(({ path }) => path === 'mesh.yaml')) {
    throw new GitRefError(ref, `there is no mesh.yaml in ${meshDirectory} at ${ref}`);
  }
  if (files.length > FILES_MAX) {
    throw new GitRefError(ref, `the mesh at ${ref} has more than ${FILES_MAX} files`);
  }
  const directory = await mkdtemp(join(tmpdir(), 'dotline-snapshot-'));
  try {
    await writeObjects(meshDirectory, ref, files, directory);
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface StoredFile {
  readonly object: string;
  readonly path: string;
}

/** One entry of `git ls-tree`, when it is a file that a mesh is read from. */
function meshFile(entry: string): StoredFile[] {
  const [mode = '', , object = '', ...rest] = entry.split(/[ \t]/);
  const path = rest.length === 0 ? '' : entry.slice(entry.indexOf('\t') + 1);
  return FILE_MODES.has(mode) && /\.(ya?ml|rego)$/.test(path) ? [{ object, path }] : [];
}

async function writeObjects(
  meshDirectory: string,
  ref: string,
  files: readonly StoredFile[],
  directory: string,
): Promise<void> {
  const input = `${files.map(({ object }) => object).join('\n')}\n`;
  const bytes = await gitBytes(meshDirectory, ['cat-file', '--batch'], { input }).catch(
    (error: unknown) => {
      if (!(error instanceof GitError)) throw error;
      throw new GitRefError(ref, `${ref} cannot be read: ${error.message}`);
    },
  );
  const folders = new Set(files.map(({ path }) => join(directory, dirname(path))));
  await Promise.all([...folders].map((folder) => mkdir(folder, { recursive: true })));
  let at = 0;
  for (const { object, path } of files) {
    // `<object> blob <size>`, a line feed, the content, a line feed.
    const headEnd = bytes.indexOf(0x0a, at);
    const [name, type, size] = bytes.toString('latin1', at, headEnd).split(' ');
    if (name !== object || type !== 'blob') {
      throw new GitRefError(ref, `${ref} cannot be read: Git has no ${path} (${object})`);
    }
    const end = headEnd + 1 + Number(size);
    await writeFile(join(directory, path), bytes.subarray(headEnd + 1, end));
    at = end + 1;
  }
}
