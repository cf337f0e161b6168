import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Problem } from '@dotline/model/mesh-error';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { execa } from 'execa';
import { pino } from 'pino';
import { eventually } from '../testing/eventually.js';
import { TestMesh } from '../testing/test-mesh.js';
import { beginCheckout, endCheckout, untilCheckedOut } from './checkout-lock.js';
import { commitProblems } from './commit-problems.js';
import { PUSHERS_REF, pusherOf } from './pusher-note.js';
import { RemoteBranch } from './remote-branch.js';

jest.setTimeout(60_000);

const GUESTS = 'policies/teams/guests/guests.rego';

let folder: string;
let author: TestMesh;
let remote: string;
let directory: string;
let followed: RemoteBranch;
let problems: readonly Problem[] = [];

function git(at: string, ...args: readonly string[]) {
  const person = ['-c', 'user.name=A', '-c', 'user.email=a@example.com'];
  return execa('git', ['-C', at, ...person, ...args]);
}

/** Commits a file in the author's checkout and pushes it. */
async function push(file: string, text: string): Promise<string> {
  await writeFile(join(author.directory, file), text);
  await git(author.directory, 'add', file);
  await git(author.directory, 'commit', '-q', '-m', file);
  await git(author.directory, 'push', '-q', remote, 'HEAD:main');
  return head(author.directory);
}

function holds(what: string, look: () => Promise<boolean> | boolean): Promise<true> {
  return eventually(what, async () => (await look()) || undefined);
}

async function head(at: string): Promise<string> {
  return (await git(at, 'rev-parse', 'HEAD')).stdout;
}

beforeAll(async () => {
  [folder, author] = await Promise.all([
    mkdtemp(join(tmpdir(), 'dotline-followed-')),
    TestMesh.create(),
  ]);
  remote = join(folder, 'remote.git');
  directory = join(folder, 'mesh');
  await git(author.directory, 'init', '-q', '-b', 'main');
  await git(author.directory, 'add', '.');
  await git(author.directory, 'commit', '-q', '-m', 'first');
  await git(folder, 'clone', '-q', '--bare', author.directory, remote);
  await git(folder, 'clone', '-q', remote, directory);
  const opaPath = process.env.OPA_PATH ?? 'opa';
  followed = new RemoteBranch({
    directory,
    followed: { url: remote, branch: 'main' },
    check: (commit) =>
      commitProblems(directory, commit, { opaPath, cacheDirectory: join(folder, 'cache') }),
    report: async (now) => {
      problems = now;
    },
    log: pino({ level: 'silent' }),
    everyMs: 50,
  });
  followed.start();
});

afterAll(async () => {
  await followed?.close();
  await author?.remove();
  await rm(folder, { recursive: true, force: true });
});

describe('a mesh directory that follows a remote branch', () => {
  it('takes what is pushed there, and knows who pushed it', async () => {
    const commit = await push('services/README.md', 'nothing of the mesh\n');
    await git(remote, 'notes', `--ref=${PUSHERS_REF}`, 'add', '-m', 'ann@example.com', commit);
    await holds('the commit is taken', async () => (await head(directory)) === commit);
    expect(problems).toEqual([]);
    await holds(
      'the note is fetched',
      async () => (await pusherOf(directory, commit)) === 'ann@example.com',
    );
    expect(await pusherOf(directory, 'HEAD~1')).toBeUndefined();
  });

  it('stays as it is when a commit has problems, and says which', async () => {
    const before = await head(directory);
    const rules = await readFile(join(author.directory, GUESTS), 'utf8');
    const bad = await push(GUESTS, `${rules}\nneeds contains {\n`);
    await holds('a problem', () => problems.length > 0);
    expect(problems[0]).toMatchObject({
      file: GUESTS,
      message: expect.stringContaining(`(in ${bad.slice(0, 10)}, not taken)`),
    });
    expect(await head(directory)).toBe(before);
    const mended = await push(GUESTS, rules);
    await holds('the commit is taken', async () => (await head(directory)) === mended);
    await holds('no problem', () => problems.length === 0);
  });

  it('stays as it is while the remote is away', async () => {
    await rename(remote, `${remote}.away`);
    await holds('a problem', () => problems.length > 0);
    expect(problems).toEqual([
      {
        file: 'mesh.yaml',
        line: 1,
        message: expect.stringMatching(
          /^branch main of .* cannot be fetched: .*the last good revision stays live$/,
        ),
      },
    ]);
    await rename(`${remote}.away`, remote);
    await holds('no problem', () => problems.length === 0);
  });

  it('keeps what was changed by hand, and says that it is in the way', async () => {
    const before = await head(directory);
    const rules = await readFile(join(directory, GUESTS), 'utf8');
    await writeFile(join(directory, GUESTS), `${rules}# by hand\n`);
    const commit = await push(GUESTS, `${rules}# pushed\n`);
    await holds('a problem', () => problems.length > 0);
    expect(problems[0]?.message).toContain(
      `changed by hand where ${commit.slice(0, 10)} changes it too: commit or discard ${GUESTS}`,
    );
    expect(await head(directory)).toBe(before);
    expect(await readFile(join(directory, GUESTS), 'utf8')).toContain('# by hand');
    await git(directory, 'checkout', '-q', '--', GUESTS);
    await holds('the commit is taken', async () => (await head(directory)) === commit);
    expect(await readFile(join(directory, GUESTS), 'utf8')).toContain('# pushed');
  });
});

describe('while a mesh directory is between two commits', () => {
  it('nobody reads it, and nobody else brings it further', async () => {
    const order: string[] = [];
    await beginCheckout(directory);
    const read = untilCheckedOut(directory).then(() => order.push('read'));
    const next = beginCheckout(directory).then(() => order.push('next'));
    await Promise.race([read, next, new Promise((resolve) => setTimeout(resolve, 60))]);
    order.push('ended');
    await endCheckout(directory);
    await next;
    await endCheckout(directory);
    await read;
    expect(order[0]).toBe('ended');
    expect(order).toHaveLength(3);
  });
});
