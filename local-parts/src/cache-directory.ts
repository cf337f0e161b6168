import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import envPaths from 'env-paths';
import { installationError } from './installation-error.js';

/**
 * Folder of downloaded and built binaries, shared by every checkout on the machine: `DOTLINE_CACHE`
 * when set, else `dotline` in the user's cache folder (`XDG_CACHE_HOME`, `~/.cache`).
 * @throws PartError when it cannot be made
 */
export async function cacheDirectory(name: string): Promise<string> {
  const root = process.env.DOTLINE_CACHE ?? envPaths('dotline', { suffix: '' }).cache;
  const directory = join(root, name);
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    throw installationError(`Cache ${name}`, root, error, {
      reason: `${directory} cannot be made`,
      wayOut: 'Name another folder in DOTLINE_CACHE',
    });
  }
  return directory;
}
