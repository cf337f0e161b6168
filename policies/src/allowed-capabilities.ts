import { ALLOWED_BUILTINS } from './allowed-builtins.js';

/**
 * The capabilities that policies are checked against and compiled with: those that an OPA says it has (as
 * `opa capabilities --current` prints them), minus every builtin that is not allowed and the whole network.
 */
export function allowedCapabilities(json: string): string {
  const capabilities = JSON.parse(json) as { builtins: { name: string }[] };
  return JSON.stringify({
    ...capabilities,
    builtins: capabilities.builtins.filter((builtin) => ALLOWED_BUILTINS.has(builtin.name)),
    allow_net: [],
  });
}
