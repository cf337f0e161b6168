import type { CommitPreview } from '@dotline/mesh-repository/check-commit';
import type { Verdict } from '@dotline/mesh-repository/judge-push';
import { formatProblem } from '@dotline/model/mesh-error';
import type { EdgeChange } from '@dotline/policies/policy-diff';
import { counted, meaningText, requestRuleText, trafficSpan } from './policy-diff-words.js';

/** Of each kind; `dotline policy diff` has all. */
const LINES_MAX = 12;

/** What a pusher reads about one ref. Git paints the words `error` and `warning` at the start of a line. */
export function verdictLines(verdict: Verdict): string[] {
  const { update, isLive, refusals, warnings, checked } = verdict;
  const ref = update.ref.replace(/^refs\/(heads|tags)\//, '');
  const lines = [
    ...warnings.map((warning) => `warning: ${warning}`),
    ...(checked === undefined ? [] : remarkLines(verdict)),
    ...(checked?.preview === undefined ? [] : previewLines(checked.preview)),
    ...shown(refusals.map((refusal) => `error: ${refusal}`)),
  ];
  if (refusals.length > 0) return [...lines, `${ref} stays as it is`];
  if (isLive) return checked === undefined ? [...lines, 'the mesh is as it was'] : lines;
  return checked === undefined
    ? lines
    : [`${ref} is not enforced; this is what it would do:`, ...lines];
}

/** Warnings about what the push touches, and how many others there are. */
function remarkLines({ checked, paths, isLive }: Verdict): string[] {
  const remarks = checked?.report.remarks ?? [];
  // Errors keep the live branch from moving, and are told as that.
  const told = remarks.filter(({ severity }) => severity === 'warning' || !isLive);
  const near = told.filter(({ file, severity }) => severity === 'error' || paths.has(file));
  const lines = near.map((remark) => `${remark.severity}: ${oneLine(formatProblem(remark))}`);
  const others = told.length - near.length;
  return others === 0
    ? shown(lines)
    : [
        ...shown(lines),
        `and ${counted(others, 'warning', 'warnings')} elsewhere, as before: dotline policy check`,
      ];
}

function previewLines(preview: CommitPreview): string[] {
  const { edges, missingConsents, refusals, newReach, requestRules, traffic, touched } = preview;
  const consents = missingConsents.filter(({ isNew }) => isNew);
  const refused = refusals.filter(({ isNew }) => isNew);
  const changes = [
    ...edgeLines('+', 'edge', edges.added),
    ...edgeLines('+', 'operation', edges.widened),
    ...edgeLines('-', 'edge', edges.removed),
    ...edgeLines('-', 'operation', edges.narrowed),
    ...edges.redefined.map(
      ({ operation, before, after }) =>
        `${operation} is redefined: ${meaningText(before)} → ${meaningText(after)}`,
    ),
  ];
  return [
    ...(changes.length === 0 ? ['no edge changes'] : shown(changes)),
    ...shown(
      consents.map(
        ({ caller, operation, grant }) =>
          `warning: ${caller} needs ${operation}, which team ${grant.team} does not grant yet: ask ${grant.contact} for ${grant.rego} in ${grant.file}`,
      ),
    ),
    ...shown(
      refused.map(
        ({ caller, operation, reason, guardrail }) =>
          `warning: ${caller} may not use ${operation}: ${reason} (${guardrail.file}:${guardrail.line})`,
      ),
    ),
    ...shown(
      newReach
        .filter(({ kind }) => kind === 'pii-operation')
        .map(
          ({ target, from }) =>
            `${target} (pii) can now be reached by ${from.map(({ service }) => service).join(', ')}`,
        ),
    ),
    ...shown(requestRules.map(requestRuleText)),
    ...trafficLines(traffic),
    touchedLine(touched),
  ];
}

function touchedLine(touched: CommitPreview['touched']): string {
  if (touched === 'all') return 'touches the sidecars of all services';
  if (touched.size === 0) return 'touches no sidecar';
  return `touches the sidecars of ${counted(touched.size, 'service', 'services')}`;
}

/** Such as `+1 edge orders → fare (fare.estimate)`. */
function edgeLines(sign: string, what: string, changes: readonly EdgeChange[]): string[] {
  return changes.map(({ caller, callee, operations }) => {
    const count = what === 'edge' ? 1 : operations.length;
    const names = operations.map(({ operation }) => operation).join(', ');
    return `${sign}${count} ${what}${count === 1 ? '' : 's'} ${caller} → ${callee} (${names})`;
  });
}

function trafficLines(traffic: CommitPreview['traffic']): string[] {
  if (traffic.denied === null)
    return [`warning: real traffic was not looked at: ${traffic.notSeen}`];
  return shown(
    traffic.denied.map(
      ({ caller, operation, requestsPerDay, callerObjectives, calleeObjectives }) => {
        const objectives = [...callerObjectives, ...calleeObjectives].join(', ');
        return `would deny ${Math.ceil(requestsPerDay)} requests a day of ${caller} to ${operation}, seen ${trafficSpan(traffic)}${objectives === '' ? '' : ` (objectives: ${objectives})`}`;
      },
    ),
  );
}

function shown(lines: readonly string[]): string[] {
  const rest = lines.length - LINES_MAX;
  return rest > 0 ? [...lines.slice(0, LINES_MAX), `and ${rest} more`] : [...lines];
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}
