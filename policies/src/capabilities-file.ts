import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ALLOWED_BUILTINS } from './allowed-builtins.js';
import type { Opa } from './opa.js';
import { OpaError } from './opa-error.js';

/**
 * Writes the capabilities that policies are checked against, this OPA's own minus every builtin that is
 * not allowed, and returns the file's absolute path.
 * @throws OpaError
 */
export async function writeCapabilitiesFile(opa: Opa, directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  const { exitCode, stdout, stderr } = await opa.run(['capabilities', '--current'], directory);
  if (exitCode !== 0) throw new OpaError('failed', opa.path, `opa capabilities: ${stderr}`);
  const capabilities = JSON.parse(stdout) as { builtins: { name: string }[] };
  const allowed = {
    ...capabilities,
    builtins: capabilities.builtins.filter((builtin) => ALLOWED_BUILTINS.has(builtin.name)),
    allow_net: [],
  };
  const path = join(directory, `capabilities-${opa.version}.json`);
  const unfinished = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    await writeFile(unfinished, JSON.stringify(allowed));
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
  return path;
}
