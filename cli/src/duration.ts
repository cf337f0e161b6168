import ms from 'ms';

const DURATION_MS_MAX = ms('1d');

/**
 * Reads a duration with its unit, such as `30s` or `2m`.
 * @returns milliseconds, or `undefined` for what is no duration between 0 and a day
 */
export function parseDuration(text: string): number | undefined {
  // `ms` takes a bare number as milliseconds, which nobody means.
  if (!/[a-z]$/i.test(text)) return undefined;
  const value: number | undefined = ms(text as ms.StringValue);
  return value !== undefined && value >= 0 && value <= DURATION_MS_MAX ? value : undefined;
}

/** How long ago something was, such as `12s`; `-` when it never was. */
export function age(atMs: number | null, nowMs: number): string {
  return atMs === null ? '-' : ms(Math.max(0, nowMs - atMs));
}
