import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 50;
/** Long, since a busy machine is no failure; only what never happens waits for it. */
const TIMEOUT_MS = 40_000;

/**
 * Looks until `look` gives something other than `undefined`.
 * @throws the last failure, or that it took too long
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  timeoutMs = TIMEOUT_MS,
): Promise<T> {
  const endMs = Date.now() + timeoutMs;
  let failure: unknown;
  while (Date.now() < endMs) {
    try {
      const found = await look();
      if (found !== undefined) return found;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    await sleep(POLL_MS);
  }
  throw new Error(`${what}: not within ${timeoutMs} ms`, { cause: failure });
}
