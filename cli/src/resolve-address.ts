import { meshFolders } from '@dotline/runner/mesh-state';
import { readRun } from '@dotline/runner/run-file';

const DEFAULT_ADDRESS = 'http://127.0.0.1:8080';

/** Address of the page server: as named, else that of the mesh directory's runner, else the usual one. */
export async function resolveAddress(options: {
  readonly address?: string;
  readonly mesh: string;
}): Promise<string> {
  if (options.address !== undefined) return options.address;
  return (await readRun(await meshFolders(options.mesh)))?.pageUrl ?? DEFAULT_ADDRESS;
}
