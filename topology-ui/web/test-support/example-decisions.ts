import type { DecisionCountsView, RequestDecisionsView } from '@dotline/topology-ui/decision-view';
import { exampleTraceId } from './example-details.js';

/** What the page server would answer about decisions of single requests in the generated mesh. */

const OPERATION = 'payments.authorize';

export function exampleDecisionCounts(): DecisionCountsView {
  const operation = { callee: 'payments', operation: OPERATION };
  return {
    operations: [
      {
        ...operation,
        lastMinutes: { allowed: 1_320, refused: 7, undecided: 0 },
        lastHour: { allowed: 15_400, refused: 84, undecided: 2 },
      },
    ],
  };
}

export function exampleDecisions(): RequestDecisionsView {
  const outcomes = [
    ['allowed', 'Riders pay for their own rides', 14, ''],
    ['refused', 'not signed in', 9, ''],
    ['undecided', 'policy takes too long', 9, 'closed'],
  ] as const;
  return {
    decisions: Array.from({ length: 6 }, (_, index) => {
      const [outcome, reason, line, fail] = outcomes[index % 3] ?? outcomes[0];
      return {
        atMs: Date.now() - index * 900,
        outcome,
        fail,
        reason,
        team: 'payments',
        rule: `policies/teams/payments/requests.rego:${line}`,
        caller: 'orders',
        callee: 'payments',
        operation: OPERATION,
        policy: 'ab'.repeat(32),
        revision: '0123456789ab',
        latencyUs: 400,
        traceId: exampleTraceId,
      };
    }),
  };
}
