import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import envPaths from 'env-paths';

/**
 * Folder of downloaded and built binaries, shared by every checkout on the machine:
 * `DOTLINE_CACHE` when set, else the user's cache folder.
 */
export async function cacheDirectory(name: string): Promise<string> {
  const root = process.env.DOTLINE_CACHE ?? envPaths('dotline', { suffix: '' }).cache;
  const directory = join(root, name);
  await mkdir(directory, { recursive: true });
  return directory;
}
