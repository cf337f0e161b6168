import { bringToCommit, CheckoutError } from '@dotline/control-plane/mesh-source/bring-to-commit';
import { fetchInto } from '@dotline/mesh-repository/mesh-checkout';
import { isLive } from '@dotline/mesh-repository/ref-update';
import { ExitCode } from './exit-code.js';
import { type HookOptions, openHook, pageAddress } from './git-hook.js';
import { UnavailableError } from './page-server-client.js';
import { tellEnforcement } from './push-enforcement.js';

/** Git's `post-receive`: brings what was pushed into the mesh directory, and tells how it is enforced. */
export async function postReceive(options: HookOptions): Promise<ExitCode> {
  const { mesh, updates, isOwnCheckout } = await openHook(options);
  const commit = updates.find((update) => isLive(mesh, update))?.after;
  if (commit === undefined) return ExitCode.ok;
  if (!isOwnCheckout && options.mesh !== undefined) {
    await fetchInto(options.mesh, mesh);
    try {
      await bringToCommit(options.mesh, commit);
    } catch (error) {
      if (!(error instanceof CheckoutError)) throw error;
      console.log(`error: ${error.message}`);
      return ExitCode.no;
    }
  }
  let address: string;
  try {
    address = await pageAddress(options);
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    console.log(`warning: what was pushed is enforced when the mesh is up again: ${error.message}`);
    return ExitCode.ok;
  }
  const isEnforced = await tellEnforcement(address, commit, options.for, (line) =>
    console.log(line),
  );
  return isEnforced ? ExitCode.ok : ExitCode.no;
}
