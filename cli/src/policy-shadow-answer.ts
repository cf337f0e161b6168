import type { Witness } from '@dotline/model/edge';
import type {
  RunningShadow,
  ShadowOperationView,
  ShadowRulesView,
  ShadowView,
} from '@dotline/topology-ui/shadow-view';
import colours from 'picocolors';
import type { Answer } from './commands.js';
import { age } from './duration.js';
import { ExitCode } from './exit-code.js';
import { counted } from './policy-diff-words.js';
import type { StartedShadow } from './policy-shadow.js';

/** `dotline policy shadow start`. */
export function shadowStartAnswer(started: StartedShadow): Answer {
  const { name, revision, live } = started;
  const lines = [
    `${name} is judged as revision ${revision} beside the live revision ${live}; nothing of it is enforced`,
    judgedText(started),
    'dotline policy shadow shows what it would change, dotline policy shadow stop ends it',
  ];
  return { text: lines.join('\n'), value: started, exitCode: ExitCode.ok };
}

/** `dotline policy shadow stop`. */
export function shadowStopAnswer(revision: string | null): Answer {
  const text =
    revision === null ? 'No revision was judged.' : `Revision ${revision} is no longer judged.`;
  return { text, value: { stopped: revision }, exitCode: ExitCode.ok };
}

/**
 * `dotline policy shadow`: 0 when no request would have been denied, 1 when one would, and 3 when nobody
 * knows, as `dotline policy diff`.
 */
export function shadowAnswer(view: ShadowView, nowMs = Date.now()): Answer {
  const { shadow, live } = view;
  if (shadow === null) {
    const text =
      'No revision is judged beside the live one; dotline policy shadow start <branch> begins.';
    return { text, value: view, exitCode: ExitCode.unavailable };
  }
  const { sidecars, wouldBeDenied, wouldBeAllowed } = shadow;
  // Of an operation that was asked for and not judged a single time, nobody knows anything.
  const isUnjudged = shadow.operations.some(
    ({ requests, notJudged }) => requests > 0 && notJudged === requests,
  );
  const differing = shadow.operations.filter(isOtherwise);
  const lines = [
    `${shadow.name} is judged as revision ${shadow.revision} beside the live revision ${live}`,
    judgedText({ ...sidecars, sidecars: sidecars.total }),
    ...differing.flatMap((each) => operationLines(each, nowMs)),
    verdictText(shadow, differing.length),
  ];
  const isKnown = (sidecars.judging > 0 || sidecars.concerned === 0) && !isUnjudged;
  return {
    text: lines.join('\n'),
    value: { verdict: wouldBeDenied > 0 ? 'unsafe' : isKnown ? 'safe' : 'unknown', ...view },
    exitCode: wouldBeDenied > 0 ? ExitCode.no : isKnown ? ExitCode.ok : ExitCode.unavailable,
  };

  function verdictText({ sinceMs }: RunningShadow, count: number): string {
    const since = `since ${new Date(sinceMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
    if (count === 0) return 'nothing would change: both revisions allow the same';
    const denied = `${counted(wouldBeDenied, 'request', 'requests')} would be denied`;
    const text = `${denied}, ${wouldBeAllowed} would be allowed, ${since}`;
    return wouldBeDenied > 0 ? colours.red(text) : colours.green(text);
  }
}

function isOtherwise(each: ShadowOperationView): boolean {
  const isMoved = each.wouldBeDenied > 0 || each.wouldBeAllowed > 0;
  return isMoved || each.judgesRequests || each.live.allowed !== each.staged.allowed;
}

function judgedText(of: Pick<StartedShadow, 'judging' | 'concerned' | 'sidecars'>): string {
  const rest = of.sidecars - of.concerned;
  const others = rest === 0 ? '' : `; the other ${rest} would decide the same`;
  const text = `judged on ${of.judging}/${of.concerned} sidecars${others}`;
  return of.judging < of.concerned ? colours.yellow(text) : text;
}

function operationLines(each: ShadowOperationView, nowMs: number): string[] {
  const { caller, callee, operation, requests, lastAtMs } = each;
  const { wouldBeDenied, wouldBeAllowed, notJudged } = each;
  const seen =
    lastAtMs === null
      ? 'no request'
      : [
          counted(requests, 'request', 'requests'),
          ...(wouldBeDenied > 0 ? [colours.red(`${wouldBeDenied} would be denied`)] : []),
          ...(wouldBeAllowed > 0 ? [colours.green(`${wouldBeAllowed} would be allowed`)] : []),
          ...(notJudged > 0 ? [colours.yellow(`${notJudged} not judged`)] : []),
          `last ${age(lastAtMs, nowMs)} ago`,
        ].join(', ');
  return [
    `${caller} → ${callee}  ${operation}: ${seen}`,
    `  live    ${ruleText(each.live, each.judgesRequests)}`,
    `  staged  ${ruleText(each.staged, each.judgesRequests)}`,
  ];
}

function ruleText(rules: ShadowRulesView, judgesRequests: boolean): string {
  const { allowed, need, grant, guardrail, requests } = rules;
  const agreed = `needed by ${placeOf(need)}, granted by ${placeOf(grant)}`;
  if (guardrail !== null) return `denied by ${placeOf(guardrail)}; ${agreed}`;
  if (!allowed) return `denied: ${agreed}`;
  if (!judgesRequests) return agreed;
  const decided = requests === null ? 'let through' : `decided by ${placeOf(requests)}`;
  return `${agreed}, each request ${decided}`;
}

function placeOf(witness: Witness | null): string {
  return witness === null ? 'no rule' : `${witness.file}:${witness.line}`;
}
