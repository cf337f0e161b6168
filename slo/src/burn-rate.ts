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

/**
 * Fewer bad events tell nothing about a rate: of ten, chance makes a third more or less
 * (https://en.wikipedia.org/wiki/Poisson_distribution: the standard deviation is the root of the number).
 */
const BAD_EVENTS_MIN = 10;

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

/**
 * How many events it takes until a single bad one is not more than the target allows. With fewer, an objective is
 * neither met nor missed: there is too little traffic yet.
 */
export function eventsNeeded(target: number): number {
  // Of 0.9 it is 10, not what rounding makes of it.
  return Math.ceil(1 / (1 - target) - 1e-6);
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

/**
 * The rules that fire. The long window is the evidence: it needs some bad events, and where it holds too few events
 * to tell it is filled up with good ones, which is what artificial traffic does (the Workbook's "Low-Traffic
 * Services and Error Budget Alerting"). So the first slow requests of a new service alert nobody, and one that
 * answers nothing but errors does.
 */
export function firingRules(
  rules: readonly BurnRateRule[],
  target: number,
  countsOver: (windowSeconds: number) => EventCounts,
): readonly BurnRateRule[] {
  const isAbove = (counts: EventCounts, threshold: number) => {
    const burnRate = burnRateOf(counts, target);
    return burnRate !== null && burnRate > threshold;
  };
  return rules.filter(({ longSeconds, shortSeconds, threshold }) => {
    const long = countsOver(longSeconds);
    return (
      long.total - long.good >= BAD_EVENTS_MIN &&
      isAbove(filledUp(long, eventsNeeded(target)), threshold) &&
      isAbove(countsOver(shortSeconds), threshold)
    );
  });
}

function filledUp({ good, total }: EventCounts, needed: number): EventCounts {
  const missing = Math.max(0, needed - total);
  return { good: good + missing, total: total + missing };
}

/** Such as `5m`, `6h` or `3d`. */
export function windowName(seconds: number): string {
  if (seconds % DAY === 0) return `${seconds / DAY}d`;
  return seconds % HOUR === 0 ? `${seconds / HOUR}h` : `${seconds / MINUTE}m`;
}
