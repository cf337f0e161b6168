/** What the page server answers about decisions of single requests. Types only. */
import type { OperationDecisions, RequestDecision } from '@dotline/collectors/request-decisions';

/**
 * `GET /api/request-decisions?team=&caller=&callee=&operation=&outcome=&limit=50`: of the last day, newest
 * first.
 */
export interface RequestDecisionsView {
  readonly decisions: readonly RequestDecision[];
}

/**
 * `GET /api/request-decisions/counts?team=&caller=&callee=&operation=`: how requests of the last five minutes and
 * of the last hour ended, for each operation that had any.
 */
export interface DecisionCountsView {
  readonly operations: readonly OperationDecisions[];
}
