import { access } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The file of that name in `directory` or the nearest of its parents, up to and including `root`. */
export async function nearestFile(
  directory: string,
  name: string,
  root: string,
): Promise<string | undefined> {
  for (let folder = directory; ; folder = dirname(folder)) {
    const path = join(folder, name);
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
    if (folder === root || folder === dirname(folder)) return undefined;
  }
}
