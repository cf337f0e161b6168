import type { ObjectiveView } from '@dotline/topology-ui/api';

/** Rank of an alert: the worst first. */
export const alertRank: Readonly<Record<ObjectiveView['alert'], number>> = {
  page: 0,
  ticket: 1,
  ok: 2,
};

/** The fastest burn over all windows; 0 without any. */
export function worstBurn(objective: ObjectiveView): number {
  return Math.max(0, ...objective.burnRates.map((rate) => rate.burnRate));
}

/** What needs a person first: by alert, then by budget left, then by burn rate. */
export function byUrgency(a: ObjectiveView, b: ObjectiveView): number {
  return (
    alertRank[a.alert] - alertRank[b.alert] ||
    (a.budgetLeft ?? 2) - (b.budgetLeft ?? 2) ||
    worstBurn(b) - worstBurn(a) ||
    (a.name < b.name ? -1 : 1)
  );
}
