import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whoever died while it wrote is waited for no longer than this. */
const STALE_MS = 10_000;
const LOOK_EVERY_MS = 20;

/** The file that is there while a mesh directory is being brought to another commit. */
export function checkoutLockPath(meshDirectory: string): string {
  return join(meshDirectory, '.dotline', 'checkout.lock');
}

/**
 * Brings a mesh directory to another commit while nobody reads it, so that its files and the commit that
 * they belong to change at once.
 */
export async function whileCheckingOut<Result>(
  meshDirectory: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const path = checkoutLockPath(meshDirectory);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, '');
  try {
    return await work();
  } finally {
    await endCheckout(meshDirectory);
  }
}

/** The mesh directory may be read again; for a lock that another process began. */
export async function endCheckout(meshDirectory: string): Promise<void> {
  await rm(checkoutLockPath(meshDirectory), { force: true });
}

/** Resolves when the mesh directory is not between two commits. */
export async function untilCheckedOut(meshDirectory: string): Promise<void> {
  const path = checkoutLockPath(meshDirectory);
  for (;;) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || Date.now() - found.mtimeMs > STALE_MS) return;
    await sleep(LOOK_EVERY_MS);
  }
}
