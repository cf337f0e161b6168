import type { Mesh } from '@dotline/model/mesh';
import { isMoved, type PolicyDiff, type PolicyState } from './policy-diff.js';
import { compareText } from './relations.js';

/** Requests of one caller for one operation that were let through. */
export interface OperationRequests {
  readonly caller: string;
  readonly callee: string;
  /** Operation id. */
  readonly operation: string;
  readonly requests: number;
}

/** What was seen of real traffic. */
export interface TrafficSeen {
  /** Milliseconds since the epoch: when the first of it was recorded, or the time that was asked for. */
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly operations: readonly OperationRequests[];
}

/** Real traffic that a change would deny. */
export interface DeniedTraffic extends OperationRequests {
  /** Over the time that was looked at; less than a day counts as a day, so that nothing is made up. */
  readonly requestsPerDay: number;
  /** `removed`: no longer agreed. `redefined`: method or path are others. */
  readonly cause: 'removed' | 'redefined';
  /** Objectives of the caller, whose requests would fail. */
  readonly callerObjectives: readonly string[];
  /** Objectives of the callee, which count these requests today. */
  readonly calleeObjectives: readonly string[];
}

const DAY_MS = 86_400_000;

/** Traffic that `before` allows and the changed policies would not, the most first. */
export function deniedTraffic(
  before: PolicyState,
  diff: PolicyDiff,
  { sinceMs, untilMs, operations }: TrafficSeen,
): DeniedTraffic[] {
  const removed = new Set(
    [...diff.removed, ...diff.narrowed].flatMap((edge) =>
      edge.operations.map(({ operation }) => `${edge.id} ${operation}`),
    ),
  );
  const allowed = new Set(
    before.edges.flatMap((edge) =>
      edge.operations.map(({ operation }) => `${edge.id} ${operation}`),
    ),
  );
  const moved = new Set(diff.redefined.filter(isMoved).map(({ operation }) => operation));
  const days = Math.max(1, (untilMs - sinceMs) / DAY_MS);
  return operations
    .flatMap((traffic): DeniedTraffic[] => {
      const key = `${traffic.caller}->${traffic.callee} ${traffic.operation}`;
      const cause = removed.has(key)
        ? 'removed'
        : allowed.has(key) && moved.has(traffic.operation)
          ? 'redefined'
          : undefined;
      if (cause === undefined || traffic.requests === 0) return [];
      return [
        {
          ...traffic,
          requestsPerDay: traffic.requests / days,
          cause,
          callerObjectives: objectivesOf(before.mesh, traffic.caller),
          calleeObjectives: objectivesOf(before.mesh, traffic.callee),
        },
      ];
    })
    .sort(
      (a, b) =>
        b.requests - a.requests ||
        compareText(a.caller, b.caller) ||
        compareText(a.operation, b.operation),
    );
}

function objectivesOf({ objectives }: Mesh, service: string): string[] {
  return objectives
    .filter((objective) => objective.service === service)
    .map(({ name }) => name)
    .sort(compareText);
}
