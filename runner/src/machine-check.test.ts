import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadMesh } from '@dotline/model/load-mesh';
import { afterEach, expect, it } from '@jest/globals';
import { ensurePrograms } from './local-mesh.js';
import { checkLanguages, checkPlatform, checkPort, MachineError } from './machine-check.js';
import { meshFolders } from './mesh-state.js';

const { PATH, ENVOY_PATH } = process.env;

afterEach(() => {
  process.env.PATH = PATH;
  if (ENVOY_PATH === undefined) delete process.env.ENVOY_PATH;
  else process.env.ENVOY_PATH = ENVOY_PATH;
});

it('names a system for which there are no parts', () => {
  expect(() => checkPlatform('linux', 'x64')).not.toThrow();
  expect(() => checkPlatform('linux', 'riscv64')).toThrow(
    new MachineError(
      'this is linux on riscv64; a mesh runs on Linux on x64 or arm64: use such a machine, a container or a virtual machine',
    ),
  );
  expect(() => checkPlatform('darwin', 'arm64')).toThrow(/^this is darwin on arm64/);
});

it('names the services whose language is missing', async () => {
  const { services } = await loadMesh(new URL('../..', import.meta.url).pathname);
  await expect(checkLanguages(services)).resolves.toBeUndefined();
  process.env.PATH = '/nowhere';
  await expect(checkLanguages(services)).rejects.toThrow(
    /^go is not on PATH, and drivers, .* need it: install Go 1\.26 or newer$/,
  );
  const python = services.filter(({ language }) => language === 'python');
  await expect(checkLanguages(python)).rejects.toThrow(
    /^python3 is not on PATH, and accounts, .* need it: install Python 3\.11 or newer with venv$/,
  );
  await expect(
    checkLanguages(services.filter(({ language }) => language === 'typescript')),
  ).resolves.toBeUndefined();
});

it('names a port that is taken, and the next one', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  await expect(checkPort(port)).rejects.toThrow(
    `port ${port} is taken by another program; end it or choose another port: npm start -- --port ${port + 1}`,
  );
  other.close();
});

it('names the folder that cannot be made', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'machine-'));
  await writeFile(join(directory, 'mesh'), '');
  await expect(meshFolders(join(directory, 'mesh'))).rejects.toThrow(
    `${directory}/mesh/.dotline cannot be made (ENOTDIR): make it writable for this user and start again`,
  );
  await rm(directory, { recursive: true });
});

it('gives the other programs up when one cannot be had', async () => {
  process.env.ENVOY_PATH = '/nowhere/envoy';
  await expect(ensurePrograms(new AbortController().signal)).rejects.toThrow(
    'envoy: ENVOY_PATH=/nowhere/envoy does not run. Correct ENVOY_PATH or unset it',
  );
});
