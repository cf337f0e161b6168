import { mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { type BinarySource, versionFrom } from './binary.js';
import { cacheDirectory } from './cache-directory.js';
import { findOnPath } from './find-on-path.js';
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
  install: async () => {
    const target = await opaSource.cachedPath();
    const go = await findOnPath('go');
    if (go === undefined) {
      throw new PartError(
        'OPA',
        'go is not on PATH',
        `Install Go 1.24 or newer, or put opa 1.x on PATH`,
      );
    }
    const work = await mkdtemp(join(dirname(target), '.build-'));
    try {
      await execa(go, ['install', `github.com/open-policy-agent/opa@v${VERSION}`], {
        env: { GOBIN: work, GOFLAGS: '-trimpath' },
        timeout: BUILD_TIMEOUT_MS,
      });
      await rename(join(work, 'opa'), target);
    } catch (error) {
      throw new PartError(
        'OPA',
        'go install failed',
        'Check the network and the Go module proxy, or put opa 1.x on PATH',
        { cause: error },
      );
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  },
};
