import type { DecisionOutcomes, RequestDecision } from '@dotline/collectors/request-decisions';
import { formatCount } from './format.js';

/** Such as `12 allowed, 3 refused, 1 undecided`; `no request` when nothing was decided. */
export function outcomesText({ allowed, refused, undecided }: DecisionOutcomes): string {
  const parts = [
    ...(allowed > 0 ? [`${formatCount(allowed)} allowed`] : []),
    ...(refused > 0 ? [`${formatCount(refused)} refused`] : []),
    ...(undecided > 0 ? [`${formatCount(undecided)} undecided`] : []),
  ];
  return parts.length === 0 ? 'no request' : parts.join(', ');
}

/** Why a request ended as it did, such as `policy takes too long: let through`. */
export function reasonText({ outcome, reason, fail }: RequestDecision): string {
  if (outcome !== 'undecided' || fail === '') return reason;
  return `${reason}: ${fail === 'open' ? 'let through' : 'refused'}`;
}
