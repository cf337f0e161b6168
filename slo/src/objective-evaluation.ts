import type { Objective } from '@dotline/model/mesh';
import {
  type BurnRateRule,
  budgetLeftOf,
  burnRateOf,
  burnRateRules,
  type EventCounts,
  firingRules,
  indicatorOf,
  windowName,
} from './burn-rate.js';

/** Events of one objective by the length of the window in seconds; every window that its rules need, and its own. */
export type WindowCounts = ReadonlyMap<number, EventCounts>;

/** What one look at an objective found. */
export interface ObjectiveEvaluation {
  readonly objective: Objective;
  /** Events of the objective's whole window. */
  readonly counts: EventCounts;
  readonly indicator: number | null;
  readonly budgetLeft: number | null;
  /** One for each alert window that had events, shortest first. */
  readonly burnRates: readonly { readonly window: string; readonly burnRate: number }[];
  readonly firing: readonly BurnRateRule[];
}

const NO_EVENTS: EventCounts = { good: 0, total: 0 };

/** Length of an objective's own window. */
export function objectiveWindowSeconds(objective: Objective): number {
  return objective.windowDays * 86_400;
}

/** Lengths in seconds of the windows that the rules of an objective look at, shortest first. */
export function alertWindowsSeconds(objective: Objective): readonly number[] {
  const rules = burnRateRules(objective.windowDays);
  const lengths = rules.flatMap((rule) => [rule.longSeconds, rule.shortSeconds]);
  return [...new Set(lengths)].sort((a, b) => a - b);
}

/** Judges an objective by the events of its windows. */
export function evaluateObjective(
  objective: Objective,
  windows: WindowCounts,
): ObjectiveEvaluation {
  const countsOf = (seconds: number) => windows.get(seconds) ?? NO_EVENTS;
  const burnRateOver = (seconds: number) => burnRateOf(countsOf(seconds), objective.target);
  const counts = countsOf(objectiveWindowSeconds(objective));
  return {
    objective,
    counts,
    indicator: indicatorOf(counts),
    budgetLeft: budgetLeftOf(counts, objective.target),
    burnRates: alertWindowsSeconds(objective).flatMap((seconds) => {
      const burnRate = burnRateOver(seconds);
      return burnRate === null ? [] : [{ window: windowName(seconds), burnRate }];
    }),
    firing: firingRules(burnRateRules(objective.windowDays), objective.target, countsOf),
  };
}
