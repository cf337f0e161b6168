import type { Judgement } from './shadow-judgement.js';

/** Key in a route's metadata: what is decided about its requests, and what a staged revision would. */
export const SHADOW_METADATA = 'shadow';

/**
 * `<now> <then> <staged revision> <operation>`, where now and then are `allowed` or `denied` and the
 * operation is the one of the allowed side, `-` when both deny.
 */
export function routeVerdict({ live, staged }: Judgement, stagedRevision: string): string {
  const verdict = (allowed: unknown) => (allowed === undefined ? 'denied' : 'allowed');
  const operation = (live ?? staged)?.id ?? '-';
  return [verdict(live), verdict(staged), stagedRevision, operation].join(' ');
}
