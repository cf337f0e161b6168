import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { execa } from 'execa';
import { lastCommits, withCommit } from './git-witness.js';
import { writeFiles, writeFolder } from './mesh-fixture.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(60_000);

let repository: string;
/** Mesh directory inside the repository. */
let directory: string;
const commits: string[] = [];
const rides = 'policies/teams/rides/needs.rego';
const fare = 'policies/teams/pricing/gränts.rego';

async function git(...args: string[]): Promise<string> {
  const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com'];
  return (await execa('git', [...identity, ...args], { cwd: repository })).stdout;
}

async function commit(files: Readonly<Record<string, string>>): Promise<void> {
  await writeFiles(directory, files);
  await git('add', '-A');
  await git('commit', '-q', '-m', 'Change');
  commits.push(await git('rev-parse', 'HEAD'));
}

beforeAll(async () => {
  repository = await writeFolder({});
  directory = `${repository}/meshes/one`;
  await git('init', '-q');
  await commit({ [rides]: 'a', [fare]: 'a', 'mesh.yaml': '' });
  await commit({ [rides]: 'b' });
  await commit({ 'mesh.yaml': 'c' });
});
afterAll(() => rm(repository, { recursive: true, force: true }));

describe('the last commit of a file', () => {
  it('is the one that touched it, in a mesh directory within a repository', async () => {
    expect(await lastCommits(directory, new Set([rides, fare]))).toEqual(
      new Map([
        [rides, commits[1]],
        [fare, commits[0]],
      ]),
    );
  });

  it('is found although the history goes on', async () => {
    expect(await lastCommits(directory, new Set([rides]))).toEqual(new Map([[rides, commits[1]]]));
  });

  it('is found in front of a history far longer than what is read of it', async () => {
    const long = await writeFolder({ [rides]: 'a' });
    try {
      const run = (...args: string[]) =>
        execa('git', ['-c', 'user.name=T', '-c', 'user.email=t@example.com', ...args], {
          cwd: long,
        });
      await run('init', '-q');
      const names = Array.from({ length: 3_000 }, (_, index) =>
        `policies/${index}`.padEnd(90, 'x'),
      );
      await writeFiles(long, Object.fromEntries(names.map((name) => [name, ''])));
      await run('add', '-A');
      await run('commit', '-q', '-m', 'All');
      await writeFiles(long, { [rides]: 'b' });
      await run('commit', '-q', '-a', '-m', 'Rides');
      const { stdout } = await run('rev-parse', 'HEAD');
      expect(await lastCommits(long, new Set([rides]))).toEqual(new Map([[rides, stdout]]));
    } finally {
      await rm(long, { recursive: true, force: true });
    }
  });

  it('is none for changed, staged and new files', async () => {
    const added = 'policies/teams/rides/new.rego';
    await writeFiles(directory, { [rides]: 'changed', [added]: 'new' });
    const files = new Set([rides, fare, added, 'policies/absent.rego']);
    expect([...(await lastCommits(directory, files)).keys()]).toEqual([fare]);
    await git('add', '-A');
    expect([...(await lastCommits(directory, files)).keys()]).toEqual([fare]);
  });

  it('is none outside of a repository, and before the first commit', async () => {
    const folder = await writeFolder({ [rides]: 'a' });
    try {
      expect(await lastCommits(folder, new Set([rides]))).toEqual(new Map());
      await execa('git', ['init', '-q'], { cwd: folder });
      expect(await lastCommits(folder, new Set([rides]))).toEqual(new Map());
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('is stamped on witnesses, and removed where it holds no longer', () => {
    const witness = { team: 'rides', file: rides, line: 1 };
    const stamped = withCommit(witness, new Map([[rides, 'abc']]));
    expect(stamped).toEqual({ ...witness, commit: 'abc' });
    expect(withCommit(stamped, new Map())).toEqual(witness);
  });
});
