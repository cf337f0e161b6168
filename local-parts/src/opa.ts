import { createHash } from 'node:crypto';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { type BinarySource, versionFrom } from './binary.js';
import { cacheDirectory } from './cache-directory.js';
import { findOnPath } from './find-on-path.js';
import { installationError } from './installation-error.js';
import { PartError } from './part-error.js';

/** Go sources of OPA's command line with our one command more, pinned by their `go.sum`. */
const SOURCES = join(import.meta.dirname, '..', 'opa');
const BUILD_TIMEOUT_MS = 900_000;

/**
 * OPA with the command `worker`, built from `local-parts/opa` where there is Go (about two minutes, once);
 * else any OPA 1.x on PATH, with which policies compile slower.
 */
export const opaSource: BinarySource = {
  name: 'opa',
  variable: 'OPA_PATH',
  version: (path) => versionFrom(path, ['version'], /Version: v?(\d+\.\d+\.\d+)/),
  accepts: (version) => version.startsWith('1.'),
  prefersInstalled: async () => (await findOnPath('go')) !== undefined,
  cachedPath: async () => join(await cacheDirectory(`opa-${await digestOfSources()}`), 'opa'),
  install: async (signal) => {
    const target = await opaSource.cachedPath();
    const go = await findOnPath('go');
    if (go === undefined) {
      throw new PartError(
        'OPA',
        'go is not on PATH',
        `Install Go 1.26 or newer, or put opa 1.x on PATH`,
      );
    }
    const built = `${target}.${process.pid}`;
    try {
      await execa(go, ['build', '-trimpath', '-ldflags=-s -w', '-o', built, '.'], {
        cwd: SOURCES,
        timeout: BUILD_TIMEOUT_MS,
        ...(signal === undefined ? {} : { cancelSignal: signal }),
        // Go then ends what it started and removes its temporary folders.
        killSignal: 'SIGINT',
      });
      await rename(built, target);
    } catch (error) {
      throw installationError('OPA', dirname(target), error, {
        reason: 'go build failed',
        wayOut: 'Check the network and the Go module proxy, or put opa 1.x on PATH',
      });
    } finally {
      await rm(built, { force: true });
    }
  },
};

async function digestOfSources(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(SOURCES)).sort()) {
    hash.update(`${name}\n`).update(await readFile(join(SOURCES, name)));
  }
  return hash.digest('hex').slice(0, 16);
}
