import { z } from 'zod';
import type { RejectedRule } from './sidecar-store.js';

const Rise = z.object({
  kind: z.enum(['denials', 'errors']),
  caller: z.string(),
  callee: z.string(),
  /** Whose sidecars saw it: the callers', or the callees'. */
  reporter: z.enum(['source', 'destination']),
  /** Requests a second, before the rollout and since the wave. */
  before: z.number(),
  now: z.number(),
});

const Burning = z.object({
  kind: z.literal('objective'),
  objective: z.string(),
  service: z.string(),
  severity: z.enum(['page', 'ticket']),
  window: z.string(),
  burnRate: z.number(),
});

/** What the SLO evaluator finds bad about the traffic of a wave. */
export const TrafficFinding = z.discriminatedUnion('kind', [Rise, Burning]);
export type TrafficFinding = z.infer<typeof TrafficFinding>;

/** Why a rollout did not go on. */
export type RolloutCause =
  | TrafficFinding
  | {
      readonly kind: 'rejected';
      readonly instance: string;
      readonly resource: string;
      readonly detail: string;
      /** Rules that the resource comes from, the likeliest first. */
      readonly rules: readonly RejectedRule[];
    }
  | { readonly kind: 'no-signal'; readonly reason: string }
  | { readonly kind: 'asked'; readonly by: string; readonly reason: string }
  | { readonly kind: 'superseded'; readonly by: string };

/** The end of a rollout that did not come to all sidecars, or went back from them. */
export interface RolloutFailure {
  /** The step at which it ended, such as `switch`, and its wave. */
  readonly step: string;
  readonly wave: string;
  /** The revision that sidecars went back to; absent while they still do. */
  readonly baselineId?: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** Never empty, the gravest first. */
  readonly causes: readonly RolloutCause[];
}

const DETAIL_LENGTH_MAX = 300;

/** A cause in words for a person. */
export function causeText(cause: RolloutCause): string {
  switch (cause.kind) {
    case 'rejected':
      return `the sidecar of ${cause.instance} rejected ${cause.resource}${ruleText(cause.rules)}: ${shortened(cause.detail)}`;
    case 'denials':
    case 'errors': {
      const whose = cause.reporter === 'source' ? "callers'" : "callees'";
      return `${cause.kind} of ${cause.caller} -> ${cause.callee} rose from ${cause.before.toFixed(2)}/s to ${cause.now.toFixed(2)}/s at the ${whose} sidecars that have the revision`;
    }
    case 'objective':
      return `objective ${cause.objective} of ${cause.service} burns its error budget ${cause.burnRate.toFixed(1)} times too fast over ${cause.window} (${cause.severity})`;
    case 'no-signal':
      return `nobody can say how the traffic is: ${cause.reason}`;
    case 'asked':
      return `${cause.by} ended it${cause.reason === '' ? '' : `: ${cause.reason}`}`;
    case 'superseded':
      return `revision ${cause.by} had to go out at once`;
  }
}

function ruleText([rule]: readonly RejectedRule[]): string {
  return rule === undefined
    ? ''
    : `, which comes from ${rule.file}:${rule.line} of team ${rule.team}`;
}

function shortened(detail: string): string {
  const text = detail.trim();
  return text.length <= DETAIL_LENGTH_MAX ? text : `${text.slice(0, DETAIL_LENGTH_MAX)} …`;
}
