import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whoever died while holding it is waited for no longer than this. */
const STALE_MS = 10_000;
const LOOK_EVERY_MS = 20;

/**
 * Begins to bring a mesh directory to another commit, when nobody else does. Until `endCheckout` it is not
 * read, so that its files and the commit that they belong to change at once.
 */
export async function beginCheckout(meshDirectory: string): Promise<void> {
  const path = checkoutLockPath(meshDirectory);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  for (;;) {
    try {
      await writeFile(path, '', { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    await untilCheckedOut(meshDirectory);
    if (await isStale(path)) await rm(path, { force: true });
  }
}

/** The mesh directory may be read again; also for a checkout that another process began. */
export async function endCheckout(meshDirectory: string): Promise<void> {
  await rm(checkoutLockPath(meshDirectory), { force: true });
}

/** Resolves when the mesh directory is not between two commits. */
export async function untilCheckedOut(meshDirectory: string): Promise<void> {
  const path = checkoutLockPath(meshDirectory);
  while ((await isStale(path)) === false) await sleep(LOOK_EVERY_MS);
}

/** `undefined` when there is no lock. */
async function isStale(path: string): Promise<boolean | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found && Date.now() - found.mtimeMs > STALE_MS;
}

/** The file that is there while a mesh directory is between two commits. */
export function checkoutLockPath(meshDirectory: string): string {
  return join(meshDirectory, '.dotline', 'checkout.lock');
}
