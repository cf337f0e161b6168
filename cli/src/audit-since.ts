import ms from 'ms';

/**
 * Reads a moment of the past: a duration before now with its unit (`2h`, `30d`), or a date that starts
 * with its year.
 * @returns milliseconds since the epoch, or `undefined` for what is neither
 */
export function parseSince(text: string, nowMs: number): number | undefined {
  if (/^\d{4}-/.test(text)) {
    const date = Date.parse(text);
    return Number.isNaN(date) || date < 0 ? undefined : date;
  }
  // `ms` takes a bare number as milliseconds, which nobody means.
  if (!/^\d.*[a-z]$/i.test(text)) return undefined;
  const duration: number | undefined = ms(text as ms.StringValue);
  return duration === undefined || duration > nowMs ? undefined : Math.round(nowMs - duration);
}
