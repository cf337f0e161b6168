import { appendFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { execa } from 'execa';
import { MeshWatcher } from './mesh-watcher.js';
import { eventually } from './testing/eventually.js';
import { GUESTS_NEED, GUESTS_NOTHING, TestMesh } from './testing/test-mesh.js';

jest.setTimeout(120_000);

const GUESTS = 'policies/teams/guests/guests.rego';
/** Longer than any event takes; how long silence must last to count. */
const SILENCE_MS = 400;

let mesh: TestMesh;
let watcher: MeshWatcher | undefined;
let changes: number;
/** What was told, in order. */
let told: ('may change' | 'changed')[];

beforeEach(async () => {
  mesh = await TestMesh.create();
  changes = 0;
  told = [];
});

afterEach(async () => {
  await watcher?.close();
  await mesh.remove();
});

describe('a mesh directory', () => {
  beforeEach(watch);

  it('may change before it has changed', async () => {
    await mesh.save(GUESTS, GUESTS_NEED);
    await changed(1);
    expect(told).toEqual(['may change', 'changed']);
  });

  it.each<[string, () => Promise<void>]>([
    ['a rule is written in place', () => mesh.write(GUESTS, GUESTS_NEED)],
    ['a rule is saved by rename', () => mesh.save(GUESTS, GUESTS_NEED)],
    ['mesh.yaml is saved by rename', () => mesh.save('mesh.yaml', 'name: other\n')],
    ['a service appears in a new folder', () => mesh.write('services/a/b/service.yaml', 'x: 1\n')],
    ['an objective appears', () => mesh.write('slo/objectives/hosts/a.yaml', 'x: 1\n')],
    ['a platform rule appears', () => mesh.write('policies/platform/a.rego', 'package a\n')],
    ['a rule is removed', () => rm(join(mesh.directory, GUESTS))],
    ['a folder is removed', () => rm(join(mesh.directory, 'services/hello'), { recursive: true })],
  ])('is looked at again when %s', async (_title, act) => {
    await act();
    await changed(1);
  });

  it('is looked at again for each of several saves by rename', async () => {
    for (let count = 1; count <= 3; count++) {
      await mesh.save(GUESTS, count % 2 === 0 ? GUESTS_NOTHING : GUESTS_NEED);
      await changed(count);
    }
  });

  it('is looked at once for many changes at once', async () => {
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => mesh.write(`policies/platform/${index}.rego`, '')),
    );
    await changed(1);
    await sleep(SILENCE_MS);
    expect(changes).toBeLessThanOrEqual(2);
  });

  it('is looked at again during a stream of changes that does not end', async () => {
    const endMs = Date.now() + 1_500;
    while (Date.now() < endMs) {
      await appendFile(join(mesh.directory, GUESTS), '# more\n');
      await sleep(10);
    }
    expect(changes).toBeGreaterThanOrEqual(2);
  });

  it.each([
    'README.md',
    'node_modules/a/service.yaml',
    'services/hello/greeter/greeter.mjs',
    'services/hello/greeter/node_modules/x/service.yaml',
    'policies/src/compile.ts',
    'slo/src/main.yaml',
    '.dotline/state.yaml',
  ])('is left alone when %s changes', async (file) => {
    await mesh.write(file, 'x');
    await sleep(SILENCE_MS);
    expect(changes).toBe(0);
  });
});

describe('a checkout', () => {
  const git = (...args: string[]) =>
    execa('git', [
      ...['-C', mesh.directory, '-c', 'user.name=Test', '-c', 'user.email=t@hello.example'],
      ...args,
    ]);

  beforeEach(async () => {
    await git('init', '--quiet', '--initial-branch=main');
    await git('add', '.');
    await git('commit', '--quiet', '--message', 'first');
    await mesh.write(GUESTS, GUESTS_NEED);
    await watch();
  });

  it('is looked at again after a commit', async () => {
    await git('commit', '--quiet', '--all', '--message', 'second');
    await changed(1);
  });

  it('is looked at again after another branch is checked out', async () => {
    await git('commit', '--quiet', '--all', '--message', 'second');
    await changed(1);
    await sleep(SILENCE_MS);
    const before = changes;
    await git('checkout', '--quiet', '-b', 'other', 'HEAD~1');
    await changed(before + 1);
  });

  it('is looked at again after a commit on a branch whose name has a slash', async () => {
    await git('checkout', '--quiet', '-b', 'team/change');
    await changed(1);
    await sleep(SILENCE_MS);
    const before = changes;
    await git('commit', '--quiet', '--all', '--message', 'second');
    await changed(before + 1);
  });

  it('is looked at again after a commit in a linked worktree', async () => {
    await watcher?.close();
    await mkdir(join(mesh.directory, 'trees'));
    const tree = join(mesh.directory, 'trees/one');
    await git('worktree', 'add', '--quiet', '-b', 'tree', tree);
    changes = 0;
    await watch(tree);
    await git('-C', tree, 'commit', '--quiet', '--allow-empty', '--message', 'there');
    await changed(1);
  });
});

async function watch(directory = mesh.directory): Promise<void> {
  watcher = await MeshWatcher.start(
    directory,
    () => {
      changes += 1;
      told.push('changed');
    },
    () => told.push('may change'),
    (error) => {
      throw error;
    },
  );
}

async function changed(times: number): Promise<void> {
  await eventually(`change ${times}`, () => (changes >= times ? true : undefined));
}
