import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TargetError } from './target-error.js';

/**
 * Writes texts by file below a folder. What is there stays.
 * @returns the paths
 * @throws TargetError when a file is there already
 */
export async function writeNewFiles(
  folder: string,
  files: ReadonlyMap<string, string>,
): Promise<string[]> {
  const written: string[] = [];
  for (const [file, text] of files) {
    const path = join(folder, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      throw new TargetError(
        `${path} is there already: delete it, or name another folder with --out`,
      );
    });
    written.push(path);
  }
  return written;
}
