import { randomUUID } from 'node:crypto';
import { readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Writes a file of a cache that appears complete, as JSON. That it cannot be kept, such as for want of its folder, costs
 * time and nothing else.
 */
export async function keepFile(path: string, content: unknown): Promise<void> {
  const unfinished = `${path}.${process.pid}.${randomUUID()}`;
  try {
    await writeFile(unfinished, JSON.stringify(content));
    await rename(unfinished, path);
  } catch {
    await rm(unfinished, { force: true });
  }
}

/** When a folder has more than `max` entries, those go that were not used for the longest time, until `kept` are left. */
export async function pruneOldest(folder: string, max: number, kept: number): Promise<void> {
  const names = await readdir(folder);
  if (names.length <= max) return;
  const entries = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const found = await stat(path).catch(() => undefined);
      return { path, modifiedMs: found?.mtimeMs ?? 0 };
    }),
  );
  entries.sort((a, b) => b.modifiedMs - a.modifiedMs);
  for (const { path } of entries.slice(kept)) await rm(path, { recursive: true, force: true });
}
