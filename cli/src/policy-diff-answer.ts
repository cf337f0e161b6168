import type { ChangePreview } from '@dotline/control-plane/change-preview/preview-change';
import { formatProblem } from '@dotline/model/mesh-error';
import type { MissingConsent, Refusal } from '@dotline/policies/missing-consent';
import type { NewReach } from '@dotline/policies/new-reach';
import type { EdgeChange } from '@dotline/policies/policy-diff';
import colours from 'picocolors';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';
import { table } from './format.js';
import type { PolicyDiffResult } from './policy-diff.js';
import { policyDiffMarkdown } from './policy-diff-markdown.js';
import {
  counted,
  meaningText,
  requestRuleText,
  signedBytes,
  sizeText,
  trafficSpan,
  verdictText,
} from './policy-diff-words.js';

/** Of each list; `--json` has all. */
const LINES_MAX = 30;
const EXIT_CODES = { safe: ExitCode.ok, unsafe: ExitCode.no, unknown: ExitCode.unavailable };

/**
 * `dotline policy diff`: 0 safe; 1 when it would deny real traffic or the head has problems; 3 when it
 * takes something away and traffic could not be looked at.
 */
export function policyDiffAnswer(
  result: PolicyDiffResult,
  format: 'text' | 'markdown',
  page: string | null = null,
): Answer {
  const { picture: _picture, ...rest } = result;
  const { preview } = rest;
  const verdict = preview?.verdict ?? 'unsafe';
  return {
    text: [
      format === 'markdown' ? policyDiffMarkdown(result) : humanText(result),
      ...(page === null ? [] : ['', page]),
    ].join('\n'),
    value: { verdict, ...rest, ...(page === null ? {} : { page }) },
    exitCode: EXIT_CODES[verdict],
  };
}

function humanText(result: PolicyDiffResult): string {
  const { base, head, problems, preview } = result;
  const title = `${base} → ${head}`;
  if (preview === null) {
    return [title, colours.red(verdictText(result)), ...problems.map(formatProblem)].join('\n');
  }
  const colour = { safe: colours.green, unsafe: colours.red, unknown: colours.yellow };
  return [
    title,
    colour[preview.verdict](verdictText(result)),
    ...section('edges', edgeLines(preview)),
    ...section('consent still missing', consentLines(preview.missingConsents)),
    ...section('refused by guardrails', refusalLines(preview.refusals)),
    ...section('newly reachable', reachLines(preview.newReach)),
    ...section('requests decided one by one', preview.requestRules.map(requestRuleText)),
    ...section('traffic', trafficLines(preview)),
    ...section('sidecars', sidecarLines(preview)),
  ].join('\n');
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0
    ? []
    : ['', colours.bold(title), ...lines.flatMap((line) => line.split('\n').map((l) => `  ${l}`))];
}

function edgeLines({ edges }: ChangePreview): string[] {
  const lines = [
    ...changeLines('added', '+', edges.added, colours.green),
    ...changeLines('widened', '+', edges.widened, colours.green),
    ...changeLines('removed', '-', edges.removed, colours.red),
    ...changeLines('narrowed', '-', edges.narrowed, colours.red),
    ...edges.redefined.map(
      ({ operation, before, after }) =>
        `${colours.yellow('redefined')} ${operation}: ${meaningText(before)} → ${meaningText(after)}`,
    ),
  ];
  return lines.length === 0 ? ['no edge changes'] : shown(lines);
}

function changeLines(
  word: string,
  sign: '+' | '-',
  changes: readonly EdgeChange[],
  colour: (text: string) => string,
): string[] {
  return changes.map(({ caller, callee, operations }) => {
    const each = operations.map(
      ({ operation, class: operationClass, need, grant }) =>
        `  ${sign} ${operation} (${operationClass})${colours.dim(`  need ${need.file}:${need.line}, grant ${grant.file}:${grant.line}`)}`,
    );
    return [`${colour(word)} ${caller} → ${callee}`, ...each].join('\n');
  });
}

function consentLines(consents: readonly MissingConsent[]): string[] {
  const fresh = consents.filter(({ isNew }) => isNew);
  const lines = fresh.map(
    ({ caller, operation, need, grant }) =>
      `${caller} needs ${operation} (${need.file}:${need.line}): ask team ${grant.team}, ${grant.contact}\n  ${grant.file}: ${grant.rego}`,
  );
  return [...shown(lines), ...earlier(consents.length - fresh.length, 'missing')];
}

function refusalLines(refused: readonly Refusal[]): string[] {
  const fresh = refused.filter(({ isNew }) => isNew);
  const lines = fresh.map(
    ({ caller, operation, reason, guardrail }) =>
      `${caller} may not use ${operation}: ${reason} (${guardrail.file}:${guardrail.line})`,
  );
  return [...shown(lines), ...earlier(refused.length - fresh.length, 'refused')];
}

function earlier(count: number, word: string): string[] {
  return count === 0 ? [] : [`${count} ${word} as before`];
}

function reachLines(reach: readonly NewReach[]): string[] {
  return shown(
    reach.map(({ kind, target, from }) => {
      const what = kind === 'service' ? target : `${target} (pii)`;
      const ways = shown(from.map(({ path }) => path.join(' → ')));
      return [`${what} by`, ...ways.map((way) => `  ${way}`)].join('\n');
    }),
  );
}

function trafficLines({ traffic }: ChangePreview): string[] {
  if (traffic.denied === null) return [`not looked at: ${traffic.notSeen}`];
  const span = trafficSpan(traffic);
  if (traffic.denied.length === 0) return [`none of what was seen ${span} would be denied`];
  const rows = traffic.denied.map((denied) => [
    denied.caller,
    denied.operation,
    String(Math.round(denied.requestsPerDay)),
    denied.cause,
    denied.callerObjectives.join(', ') || '-',
    denied.calleeObjectives.join(', ') || '-',
  ]);
  const head = ['caller', 'operation', 'requests/day', 'cause', "caller's SLO", "callee's SLO"];
  return [
    colours.red(`would be denied, of what was seen ${span}:`),
    ...table(head, rows.slice(0, LINES_MAX)).split('\n'),
    ...(rows.length > LINES_MAX ? [`and ${rows.length - LINES_MAX} more`] : []),
  ];
}

function sidecarLines({ sidecars: { changed, total } }: ChangePreview): string[] {
  if (changed.length === 0) return [`none of ${total} changes`];
  const rows = changed.map(({ instance, change, bytesBefore, bytesAfter, bytesSent }) => [
    instance,
    change,
    signedBytes(bytesAfter - bytesBefore),
    `${sizeText(bytesSent)} sent`,
  ]);
  const sent = changed.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  return [
    `${counted(changed.length, 'sidecar changes', 'sidecars change')} of ${total}, ${sizeText(sent)} sent`,
    ...table(['sidecar', '', 'size', ''], rows.slice(0, LINES_MAX)).split('\n'),
    ...(rows.length > LINES_MAX ? [`and ${rows.length - LINES_MAX} more`] : []),
  ];
}

function shown(lines: readonly string[]): string[] {
  const rest = lines.length - LINES_MAX;
  return rest > 0 ? [...lines.slice(0, LINES_MAX), `and ${rest} more`] : [...lines];
}
