import type { Witness } from '@dotline/model/edge';
import type { Problem } from '@dotline/model/mesh-error';

const DAY_MS = 86_400_000;
/** How long before its end a rule is said to end soon. */
const SOON_MS = 14 * DAY_MS;

/** The first millisecond at which a rule does not hold any more: the end of its last day, in UTC. */
function expiryMs({ expires }: Witness): number {
  return expires === undefined
    ? Number.POSITIVE_INFINITY
    : Date.parse(`${expires}T00:00:00Z`) + DAY_MS;
}

/** Rules that are past their last day. Time is in milliseconds since the epoch. */
export function expiredRules(rules: readonly Witness[], nowMs: number): Problem[] {
  return rules
    .filter((rule) => expiryMs(rule) <= nowMs)
    .map((rule) => ({
      ...placeOf(rule),
      message: `${nameOf(rule)} expired: its last day was ${rule.expires}`,
      hint: `remove it, or set another custom.expires${ticketOf(rule)}`,
    }));
}

/** Rules whose last day is fewer than 14 days away, and that still hold. */
export function expiringRules(rules: readonly Witness[], nowMs: number): Problem[] {
  return rules
    .filter((rule) => nowMs < expiryMs(rule) && expiryMs(rule) - nowMs <= SOON_MS)
    .map((rule) => ({
      ...placeOf(rule),
      message: `${nameOf(rule)} expires soon: its last day is ${rule.expires}`,
      hint: `remove it by then, or set another custom.expires${ticketOf(rule)}`,
    }));
}

/** When the next of the rules that hold ends, if one does. */
export function nextExpiryMs(rules: readonly Witness[], nowMs: number): number | undefined {
  let next = Number.POSITIVE_INFINITY;
  for (const rule of rules) {
    const endMs = expiryMs(rule);
    if (endMs > nowMs && endMs < next) next = endMs;
  }
  return Number.isFinite(next) ? next : undefined;
}

function placeOf({ file, line }: Witness): Pick<Problem, 'file' | 'line'> {
  return { file, line };
}

function nameOf({ title, team }: Witness): string {
  return title === undefined ? `a rule of ${team}` : `"${title}"`;
}

function ticketOf({ ticket }: Witness): string {
  return ticket === undefined ? '' : `; see ${ticket}`;
}
