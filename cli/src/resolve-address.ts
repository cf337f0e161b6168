import { meshFolders } from '@dotline/runner/mesh-state';
import { readRun } from '@dotline/runner/run-file';
import { UnavailableError } from './page-server-client.js';

/**
 * Address of the page server: as named, else that of the mesh directory's runner.
 * @throws UnavailableError when neither is known
 */
export async function resolveAddress(options: {
  readonly address?: string;
  readonly mesh: string;
}): Promise<string> {
  if (options.address !== undefined) return options.address;
  const run = await readRun(await meshFolders(options.mesh));
  if (run !== undefined) return run.pageUrl;
  throw new UnavailableError(
    `no mesh is up in ${options.mesh}; start it with npx dotline up, or name another with --address`,
  );
}
