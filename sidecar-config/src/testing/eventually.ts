import { setTimeout as delay } from 'node:timers/promises';

/** Asks again and again until there is a value; fails after `waitMs`. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  waitMs = 15_000,
): Promise<T> {
  const end = Date.now() + waitMs;
  let lastError: unknown;
  while (Date.now() < end) {
    try {
      const value = await ask();
      if (value !== undefined) return value;
    } catch (error) {
      lastError = error;
    }
    await delay(25);
  }
  throw new Error(`waited ${waitMs} ms in vain for ${what}`, { cause: lastError });
}
