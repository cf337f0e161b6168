import { join } from 'node:path';
import { ensureBinary } from './binary.js';
import { ensureChromium } from './chromium.js';
import { envoySource } from './envoy.js';
import { opaSource } from './opa.js';
import { pythonEnvironment } from './python-environment.js';
import { ensureValkey } from './valkey.js';

/** Paths of every program that the tests drive. */
export interface TestPrograms {
  readonly envoy: string;
  readonly opa: string;
  readonly valkey: string;
  readonly chromium: string;
  readonly python: string;
}

/** Finds or installs all of them at once. @throws PartError */
export async function preparePrograms(requirements: string): Promise<TestPrograms> {
  const [envoy, opa, valkey, chromium, python] = await Promise.all([
    ensureBinary(envoySource),
    ensureBinary(opaSource),
    ensureValkey(),
    ensureChromium(),
    pythonEnvironment(requirements),
  ]);
  return {
    envoy: envoy.path,
    opa: opa.path,
    valkey: valkey.path,
    chromium,
    python: join(python.programs, 'python'),
  };
}
