/**
 * What a sidecar says about one request while a revision is staged, as the attribute `shadow`
 * (docs/architecture.md, "Sidecar configuration").
 */
export interface ShadowVerdict {
  readonly stagedRevision: string;
  /** What was decided by the live rules, and what would have been by the staged ones, where somebody can say. */
  readonly live: Decision;
  readonly staged: Decision | 'unknown';
  /** Of the side that allows; empty where the sidecar tells it by the route alone. */
  readonly operation: string;
}

type Decision = 'allowed' | 'denied';

/** Columns of `shadow_verdicts`, in the order in which their lines are written. */
export const SHADOW_VERDICT_COLUMNS = [
  'time',
  'reporter',
  'staged_revision',
  'caller',
  'callee',
  'operation',
  'live',
  'staged',
  'request_id',
  'instance',
] as const;

const REVISION = /^[0-9a-f]{12}$/;

/**
 * Reads the attribute: `<live> <staged> <staged revision> <operation>` of the caller's side; `<live>
 * <staged> <policy>` of the callee's, whose policies end in `@<staged revision>`, those that let a
 * request in (`edge`) too.
 * @returns `undefined` when nothing is staged that concerns the request, and for what a callee lets in by
 * both: it changes nothing of what the caller's side says
 */
export function shadowVerdict(
  text: string | undefined,
  reporter: 'source' | 'destination',
  edge: string,
): ShadowVerdict | undefined {
  if (text === undefined || text === '-') return undefined;
  const [live = '', staged = '', rule = '', operation = ''] = text.split(' ');
  if (!isDecision(live) || !isDecision(staged)) return undefined;
  if (reporter === 'destination' && live === 'allowed' && staged === 'allowed') return undefined;
  const stagedRevision = reporter === 'source' ? rule : partOf(rule) || partOf(edge);
  if (!REVISION.test(stagedRevision)) return undefined;
  return { stagedRevision, live, staged, operation: operation === '-' ? '' : operation };
}

/**
 * Reads the same attribute of an authorizer's record: `<live> <staged> <staged revision> <operation>`, where
 * `<staged>` may be `unknown`, since nobody waits for a judgement.
 */
export function requestVerdict(text: string): ShadowVerdict | undefined {
  const [live = '', staged = '', stagedRevision = '', operation = ''] = text.split(' ');
  if (!isDecision(live) || !(isDecision(staged) || staged === 'unknown')) return undefined;
  return REVISION.test(stagedRevision) ? { live, staged, stagedRevision, operation } : undefined;
}

/** The third part of a policy's name: `a->b@revision@staged revision`. */
function partOf(policy: string): string {
  return policy.split('@')[2] ?? '';
}

function isDecision(text: string): text is Decision {
  return text === 'allowed' || text === 'denied';
}
