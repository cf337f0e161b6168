import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { type BinarySource, versionFrom } from './binary.js';
import { cacheDirectory } from './cache-directory.js';
import { findOnPath } from './find-on-path.js';
import { installationError } from './installation-error.js';
import { PartError } from './part-error.js';

const VERSION = '1.22.2';
const BUILD_TIMEOUT_MS = 900_000;

/** OPA: 1.x on PATH, else built by `go install` (about two minutes, once). */
export const opaSource: BinarySource = {
  name: 'opa',
  variable: 'OPA_PATH',
  version: (path) => versionFrom(path, ['version'], /Version: v?(\d+\.\d+\.\d+)/),
  accepts: (version) => version.startsWith('1.'),
  cachedPath: async () => join(await cacheDirectory(`opa-${VERSION}`), 'opa'),
  install: async (signal) => {
    const target = await opaSource.cachedPath();
    const go = await findOnPath('go');
    if (go === undefined) {
      throw new PartError(
        'OPA',
        'go is not on PATH',
        `Install Go 1.24 or newer, or put opa 1.x on PATH`,
      );
    }
    const work = join(dirname(target), `.build-${process.pid}`);
    try {
      await mkdir(work, { recursive: true });
      await execa(go, ['install', `github.com/open-policy-agent/opa@v${VERSION}`], {
        env: { GOBIN: work, GOFLAGS: '-trimpath' },
        timeout: BUILD_TIMEOUT_MS,
        ...(signal === undefined ? {} : { cancelSignal: signal }),
        // Go then ends what it started and removes its temporary folders.
        killSignal: 'SIGINT',
      });
      await rename(join(work, 'opa'), target);
    } catch (error) {
      throw installationError('OPA', dirname(target), error, {
        reason: 'go install failed',
        wayOut: 'Check the network and the Go module proxy, or put opa 1.x on PATH',
      });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  },
};
