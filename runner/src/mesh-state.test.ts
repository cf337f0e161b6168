import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { clearLockedPorts } from 'get-port';
import { loadMeshState, loopbackPrefix, meshFolders } from './mesh-state.js';

it('keeps ports and secrets from one start to the next, and replaces a port that was taken meanwhile', async () => {
  const mesh = await mkdtemp(join(tmpdir(), 'state-'));
  const folders = await meshFolders(mesh);
  const first = await loadMeshState(folders);
  expect(new Set(Object.values(first.ports)).size).toBe(Object.values(first.ports).length);
  // Each start is a process of its own, which get-port knows nothing about.
  clearLockedPorts();
  expect(await loadMeshState(folders)).toEqual(first);
  clearLockedPorts();
  expect((await stat(join(folders.root, 'state.json'))).mode & 0o777).toBe(0o600);

  const intruder = createServer().listen(first.ports.xds, '127.0.0.1');
  await once(intruder, 'listening');
  const second = await loadMeshState(folders);
  intruder.close();
  expect(second.ports.xds).not.toBe(first.ports.xds);
  expect(second.secrets).toEqual(first.secrets);
  await rm(mesh, { recursive: true });
  await rm(folders.sockets, { recursive: true });
});

it('gives two mesh directories different loopback networks', () => {
  expect(loopbackPrefix('/a')).not.toBe(loopbackPrefix('/b'));
  expect(loopbackPrefix('/a')).toMatch(/^127\.\d{2,3}\.\d{1,3}$/);
});
