import { tmpdir } from 'node:os';
import { ALLOWED_BUILTINS } from './allowed-builtins.js';
import type { Opa } from './opa.js';
import { OpaError } from './opa-error.js';

/**
 * The capabilities that policies are checked against and compiled with, as OPA's JSON: this OPA's own, minus every
 * builtin that is not allowed and the whole network.
 * @throws OpaError
 */
export async function policyCapabilities(opa: Opa): Promise<string> {
  const { exitCode, stdout, stderr } = await opa.run(['capabilities', '--current'], tmpdir());
  if (exitCode !== 0) throw new OpaError('failed', opa.path, `opa capabilities: ${stderr}`);
  const capabilities = JSON.parse(stdout) as { builtins: { name: string }[] };
  return JSON.stringify({
    ...capabilities,
    builtins: capabilities.builtins.filter((builtin) => ALLOWED_BUILTINS.has(builtin.name)),
    allow_net: [],
  });
}
