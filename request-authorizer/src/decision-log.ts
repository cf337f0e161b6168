import { logs, SeverityNumber } from '@opentelemetry/api-logs';
import { placeText, type Verdict } from './decision.js';
import type { DecisionListener } from './request-authorizer.js';
import type { ShadowVerdict } from './shadow-judge.js';

const LOGGER = 'dotline.request-decisions';

/**
 * Each decision as a log record, which the collector makes a row of `request_decisions`. It says which rule of whom
 * decided about which operation, and nothing that the request or its token said.
 */
export const logDecision: DecisionListener = ({ verdict, request, responsible, latencyUs }) => {
  logs.getLogger(LOGGER).emit({
    severityNumber: verdict.outcome === 'undecided' ? SeverityNumber.WARN : SeverityNumber.INFO,
    timestamp: Date.now(),
    body: `${request.operation} ${verdict.outcome}`,
    attributes: {
      decision: verdict.outcome,
      fail: request.fail,
      reason: reasonOf(verdict),
      rule: ruleOf(verdict, responsible),
      team: responsible?.team ?? '',
      caller: request.caller,
      callee: request.callee,
      operation: request.operation,
      policy: request.policy,
      revision: request.revision,
      latency_us: latencyUs,
      trace_id: request.traceId,
    },
  });
};

/** What a staged revision would have decided, which the collector makes a row of `shadow_verdicts`. */
export function logShadowVerdict({ request, stagedRevision, live, staged }: ShadowVerdict): void {
  logs.getLogger(LOGGER).emit({
    severityNumber: SeverityNumber.INFO,
    timestamp: Date.now(),
    body: `${request.operation} ${live}, would be ${staged}`,
    attributes: {
      shadow: `${live} ${staged} ${stagedRevision} ${request.operation}`,
      caller: request.caller,
      callee: request.callee,
      request_id: request.requestId,
    },
  });
}

function reasonOf(verdict: Verdict): string {
  return verdict.outcome === 'allowed' ? (verdict.rule.title ?? '') : verdict.reason;
}

/** The rule that allowed it, else the one that has it decided. */
function ruleOf(verdict: Verdict, responsible: Parameters<DecisionListener>[0]['responsible']) {
  const rule = verdict.outcome === 'allowed' ? verdict.rule : responsible?.rule;
  return rule === undefined ? '' : placeText(rule);
}
