import { readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { loadPolicy } from '@open-policy-agent/opa-wasm';
import { extract } from 'tar';
import { ALLOWED_BUILTINS } from './allowed-builtins.js';
import { allowedCapabilities } from './allowed-capabilities.js';
import { writeFiles, writeFolder } from './mesh-fixture.js';
import { Opa } from './opa.js';

// Real OPA processes on a machine that may have other work.
jest.setTimeout(60_000);

interface Builtin {
  readonly name: string;
  readonly deprecated?: boolean;
  readonly nondeterministic?: boolean;
  /** Operators are part of the language. */
  readonly infix?: string;
  readonly decl: { readonly args?: readonly unknown[] };
}

let folder: string;
let opa: Opa;
beforeAll(async () => {
  folder = await writeFolder({});
  opa = await Opa.open(process.env.OPA_PATH ?? 'opa');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Builtins that compiled policies ask their host for, found by compiling a policy that calls all of them. */
async function hostBuiltins(builtins: readonly Builtin[]): Promise<string[]> {
  const rules = builtins.map(
    ({ name, decl }, index) =>
      `r${index} := ${name}(${(decl.args ?? []).map((_, each) => `input.a${each}`).join(', ')})`,
  );
  await writeFiles(folder, { 'all.rego': ['package all', ...rules, ''].join('\n\n') });
  const args = ['build', '--target', 'wasm', '--entrypoint', 'all', 'all.rego'];
  expect(await opa.run(args, folder)).toMatchObject({ exitCode: 0 });
  await extract({ file: join(folder, 'bundle.tar.gz'), cwd: folder });
  const policy = await loadPolicy(await readFile(join(folder, 'policy.wasm')));
  const { exports } = policy.wasmInstance as unknown as {
    exports: { builtins(): number; opa_json_dump(address: number): number };
  };
  const start = exports.opa_json_dump(exports.builtins());
  const bytes = new Uint8Array(policy.mem.buffer);
  const json = new TextDecoder().decode(bytes.subarray(start, bytes.indexOf(0, start)));
  return Object.keys(JSON.parse(json));
}

describe('the builtins that policies may call', () => {
  it('are those that OPA compiles into WebAssembly or the SDK provides, and that are deterministic', async () => {
    const { stdout } = await opa.run(['capabilities', '--current'], folder);
    const all: Builtin[] = JSON.parse(stdout).builtins;
    // These three return nothing, which a rule cannot be assigned to; builds erase the first two.
    const statements = ['print', 'internal.print', 'internal.test_case'];
    const callable = all.filter(
      ({ name, infix, deprecated }) => !infix && !deprecated && !statements.includes(name),
    );
    const host = new Set(await hostBuiltins(callable));
    const require = createRequire(import.meta.url);
    const sdkFolder = dirname(require.resolve('@open-policy-agent/opa-wasm'));
    const sdk: Record<string, unknown> = require(join(sdkFolder, 'builtins/index.js'));
    const derived = all
      .filter(({ name }) => !host.has(name) || name in sdk)
      .filter(({ deprecated, nondeterministic }) => !deprecated && !nondeterministic)
      .map(({ name }) => name)
      .filter((name) => !name.startsWith('rego.metadata.') && name !== 'internal.test_case');
    expect([...ALLOWED_BUILTINS].sort()).toEqual(derived.sort());
  });

  it('are all that the capabilities hold', async () => {
    const { stdout } = await opa.run(['capabilities', '--current'], process.cwd());
    const { builtins, allow_net: hosts, features } = JSON.parse(allowedCapabilities(stdout));
    expect(builtins.map((builtin: Builtin) => builtin.name).sort()).toEqual(
      [...ALLOWED_BUILTINS].sort(),
    );
    expect(hosts).toEqual([]);
    expect(features).toContain('rego_v1');
    for (const name of ['http.send', 'time.now_ns', 'rand.intn', 'opa.runtime', 'trace']) {
      expect(ALLOWED_BUILTINS.has(name)).toBe(false);
    }
  });
});
