/** Figures as people read them. Every function is total: no input throws. */

/** Requests per second, such as `0/s`, `0.4/s`, `42/s`, `1.3k/s`. */
export function formatRate(perSecond: number): string {
  if (!(perSecond > 0)) return '0/s';
  if (perSecond < 0.1) return '<0.1/s';
  return `${formatCount(perSecond)}/s`;
}

/** A count with at most three digits before its unit: `7`, `9.5`, `420`, `1.3k`, `2.1M`. */
export function formatCount(value: number): string {
  if (value < 9.95) return trimZero(value.toFixed(1));
  if (value < 999.5) return String(Math.round(value));
  if (value < 999_500) return `${short(value / 1_000)}k`;
  return `${short(value / 1_000_000)}M`;
}

/** A share of 0 to 1 as per cent with the digits that matter: `0%`, `0.02%`, `1.4%`, `37%`. */
export function formatShare(share: number | null): string {
  if (share === null || Number.isNaN(share)) return '–';
  if (share === 0) return '0%';
  const percent = share * 100;
  if (percent > 0 && percent < 0.01) return '<0.01%';
  if (Math.abs(percent) < 1) return `${trimZero(percent.toFixed(2))}%`;
  if (Math.abs(percent) < 10) return `${trimZero(percent.toFixed(1))}%`;
  return `${Math.round(percent)}%`;
}

/** A level such as an objective's target or SLI: never rounded up to 100 % while something failed. */
export function formatLevel(level: number | null): string {
  if (level === null) return '–';
  const percent = Math.floor(level * 100_000 + 1e-6) / 1_000;
  return `${trimZero(percent.toFixed(percent >= 99 ? 3 : 2))}%`;
}

/** Milliseconds as `0.4 ms`, `42 ms`, `1.3 s`; `–` for no value. */
export function formatMs(ms: number | null): string {
  if (ms === null) return '–';
  if (ms < 9.95) return `${trimZero(ms.toFixed(1))} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  return `${trimZero((ms / 1000).toFixed(ms < 9_950 ? 1 : 0))} s`;
}

/** How long ago, such as `now`, `12 s ago`, `3 min ago`, `2 h ago`, `5 d ago`. */
export function formatAgo(thenMs: number, nowMs: number): string {
  const span = formatSpan(nowMs - thenMs);
  return span === '0 s' ? 'now' : `${span} ago`;
}

/** A duration in its largest unit, such as `12 s`, `3 min`, `2 h`, `5 d`. */
export function formatSpan(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Local time of day, `14:03:09`. */
export function formatClock(atMs: number): string {
  const at = new Date(atMs);
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}

/** The first eight digits of a commit. */
export function shortCommit(commit: string): string {
  return commit.slice(0, 8);
}

/** `1 instance`, `2 instances`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function short(value: number): string {
  return value < 9.95 ? trimZero(value.toFixed(1)) : String(Math.round(value));
}

function trimZero(digits: string): string {
  return digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
}
