import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execa } from 'execa';
import { GitRefError } from './git-ref-error.js';
import { namedCommit, withGitSnapshot } from './git-snapshot.js';

let repository: string;
let mesh: string;

function git(...args: readonly string[]) {
  const author = ['-c', 'user.name=A', '-c', 'user.email=a@example.com'];
  return execa('git', ['-C', repository, ...author, ...args]);
}

beforeAll(async () => {
  repository = await mkdtemp(join(tmpdir(), 'snapshot-'));
  mesh = join(repository, 'meshes/one');
  await git('init', '-q', '-b', 'main');
  await git('commit', '-q', '--allow-empty', '-m', 'nothing');
  await git('tag', 'empty');
  await mkdir(join(mesh, 'policies/teams'), { recursive: true });
  await writeFile(join(mesh, 'mesh.yaml'), 'name: first\n');
  await writeFile(join(mesh, 'policies/teams/a b.rego'), 'package a\n');
  await writeFile(join(mesh, 'notes.md'), 'no part of a mesh\n');
  await git('add', '.');
  await git('commit', '-q', '-m', 'first');
  await writeFile(join(mesh, 'mesh.yaml'), 'name: second\n');
});

afterAll(() => rm(repository, { recursive: true, force: true }));

describe('a snapshot', () => {
  it('has the content of a commit, wherever the mesh stands, and leaves the checkout alone', async () => {
    const commit = await namedCommit(mesh, 'main');
    const seen = await withGitSnapshot(mesh, commit, async (directory) => ({
      directory,
      names: (await readdir(directory)).sort(),
      meshFile: await readFile(join(directory, 'mesh.yaml'), 'utf8'),
      policies: await readdir(join(directory, 'policies/teams')),
    }));
    expect(seen).toMatchObject({
      names: ['mesh.yaml', 'policies'],
      meshFile: 'name: first\n',
      policies: ['a b.rego'],
    });
    await expect(stat(seen.directory)).rejects.toThrow('ENOENT');
    expect((await git('status', '--porcelain')).stdout).toBe(' M meshes/one/mesh.yaml');
    expect(
      (await git('worktree', 'list', '--porcelain')).stdout.match(/^worktree /gm),
    ).toHaveLength(1);
  });

  it('is removed also when it could not be used', async () => {
    let used = '';
    const commit = await namedCommit(mesh, 'main');
    const use = async (directory: string) => {
      used = directory;
      throw new Error('of no use');
    };
    await expect(withGitSnapshot(mesh, commit, use)).rejects.toThrow('of no use');
    await expect(stat(used)).rejects.toThrow('ENOENT');
  });

  it.each(['nobody', '--all', 'main:mesh.yaml', ''])(
    'does not come from %j, which is no commit, in one line with its name',
    async (ref) => {
      const error: unknown = await namedCommit(mesh, ref).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(GitRefError);
      expect(String(error)).toBe(`GitRefError: Git knows no ${ref} in ${mesh}`);
    },
  );

  it('does not come from a commit without a mesh', async () => {
    const commit = await namedCommit(mesh, 'empty');
    await expect(withGitSnapshot(mesh, commit, async () => 'used')).rejects.toThrow(
      `there is no mesh.yaml in ${mesh} at empty`,
    );
  });
});
