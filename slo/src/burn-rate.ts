/**
 * Error budgets, burn rates and the rules that alert on them.
 * Source: The Site Reliability Workbook, chapter 5, "Alerting on SLOs",
 * https://sre.google/workbook/alerting-on-slos/ (approach 6: multiwindow, multi-burn-rate alerts).
 */

/** Events of one window: requests, and those of them that were good. */
export interface EventCounts {
  readonly good: number;
  readonly total: number;
}

/** What an alert asks for: wake somebody, or work on it in the coming days. */
export type Severity = 'page' | 'ticket';

/** Fires while the burn rate over both windows is above the threshold. */
export interface BurnRateRule {
  readonly severity: Severity;
  readonly longSeconds: number;
  /** Lets the alert end soon after the burning has. */
  readonly shortSeconds: number;
  readonly threshold: number;
}

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** The Workbook's recommendation: how much of the budget may burn in the long window before somebody is told. */
const RECOMMENDED = [
  { severity: 'page', budgetShare: 0.02, longSeconds: HOUR, shortSeconds: 5 * MINUTE },
  { severity: 'page', budgetShare: 0.05, longSeconds: 6 * HOUR, shortSeconds: 30 * MINUTE },
  { severity: 'ticket', budgetShare: 0.1, longSeconds: DAY, shortSeconds: 2 * HOUR },
  { severity: 'ticket', budgetShare: 0.1, longSeconds: 3 * DAY, shortSeconds: 6 * HOUR },
] as const;

/** Share of good events, 0 to 1; `null` without events. */
export function indicatorOf({ good, total }: EventCounts): number | null {
  return total > 0 ? good / total : null;
}

/**
 * How many times faster than sustainable the error budget is spent: the error rate over the error rate
 * that the target allows. `null` without events: nothing was spent, and nothing is known.
 * @param target share of good events, strictly between 0 and 1
 */
export function burnRateOf({ good, total }: EventCounts, target: number): number | null {
  return total > 0 ? (total - good) / total / (1 - target) : null;
}

/**
 * Share of the error budget that the objective's whole window has left: 1 when nothing failed,
 * 0 when exactly the target was met, negative when it was missed. `null` without events.
 */
export function budgetLeftOf(window: EventCounts, target: number): number | null {
  const spent = burnRateOf(window, target);
  return spent === null ? null : 1 - spent;
}

/** Share of the error budget that a burn rate spends in a time, when requests come evenly. */
export function budgetSpent(burnRate: number, seconds: number, windowDays: number): number {
  return (burnRate * seconds) / (windowDays * DAY);
}

/** Seconds until a full error budget is spent at a burn rate; infinite at 0. */
export function secondsToExhaustion(burnRate: number, windowDays: number): number {
  return burnRate > 0 ? (windowDays * DAY) / burnRate : Number.POSITIVE_INFINITY;
}

/**
 * The alert rules of an objective. Thresholds follow from the budget that may burn in the long window
 * (burn rate = share × objective's window ÷ alert window): over 30 days 14.4, 6, 3 and 1. For short
 * objective windows they would fall below 1, where the budget outlasts the window and nobody has
 * anything to do, so 1 is the least; rules longer than the objective's window are left out.
 */
export function burnRateRules(windowDays: number): readonly BurnRateRule[] {
  return RECOMMENDED.filter((rule) => rule.longSeconds <= windowDays * DAY).map(
    ({ budgetShare, ...rule }) => ({
      ...rule,
      threshold: Math.max(1, (budgetShare * windowDays * DAY) / rule.longSeconds),
    }),
  );
}

/** Lengths in seconds of all windows that the rules of any objective look at, shortest first. */
export const ALERT_WINDOWS_SECONDS: readonly number[] = [
  ...new Set(RECOMMENDED.flatMap((rule) => [rule.longSeconds, rule.shortSeconds])),
].sort((a, b) => a - b);

/** The rules that fire. A window without events has no burn rate and fires nothing. */
export function firingRules(
  rules: readonly BurnRateRule[],
  burnRateOver: (windowSeconds: number) => number | null,
): readonly BurnRateRule[] {
  const above = (seconds: number, threshold: number) => {
    const burnRate = burnRateOver(seconds);
    return burnRate !== null && burnRate > threshold;
  };
  return rules.filter(
    ({ longSeconds, shortSeconds, threshold }) =>
      above(longSeconds, threshold) && above(shortSeconds, threshold),
  );
}

/** Such as `5m`, `6h` or `3d`. */
export function windowName(seconds: number): string {
  if (seconds % DAY === 0) return `${seconds / DAY}d`;
  return seconds % HOUR === 0 ? `${seconds / HOUR}h` : `${seconds / MINUTE}m`;
}
