import type { ChangePreview } from '@dotline/control-plane/change-preview/preview-change';
import { formatProblem } from '@dotline/model/mesh-error';
import type { EdgeChange } from '@dotline/policies/policy-diff';
import type { PolicyDiffResult } from './policy-diff.js';
import {
  counted,
  meaningText,
  requestRuleText,
  signedBytes,
  sizeText,
  trafficSpan,
  verdictText,
} from './policy-diff-words.js';

/** A forge refuses comments of more than 65,536 characters. */
const ROWS_MAX = 50;

/** The preview as a comment on a pull request. */
export function policyDiffMarkdown(result: PolicyDiffResult): string {
  const { base, head, problems, preview } = result;
  const mark = { safe: '✅', unsafe: '❌', unknown: '⚠️' }[preview?.verdict ?? 'unsafe'];
  const parts = [
    `### Policy preview: ${escaped(base)} → ${escaped(head)}`,
    `${mark} **${escaped(verdictText(result))}**`,
    list(problems.map((problem) => escaped(formatProblem(problem)))),
    ...(preview === null ? [] : previewParts(preview)),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function previewParts(preview: ChangePreview): string[] {
  const { missingConsents, refusals, newReach } = preview;
  const fresh = missingConsents.filter(({ isNew }) => isNew);
  return [
    edgesTable(preview),
    titled(
      'Consent still missing',
      list(
        fresh.map(
          ({ caller, operation, grant }) =>
            `${code(caller)} needs ${code(operation)}: ask team **${escaped(grant.team)}** (${escaped(grant.contact)}) for ${code(grant.rego)} in ${code(grant.file)}`,
        ),
      ),
    ),
    titled(
      'Refused by guardrails',
      list(
        refusals
          .filter(({ isNew }) => isNew)
          .map(
            ({ caller, operation, reason }) =>
              `${code(caller)} may not use ${code(operation)}: ${escaped(reason)}`,
          ),
      ),
    ),
    titled(
      'Newly reachable',
      list(
        newReach.map(({ kind, target, from }) => {
          const ways = from.map(({ path }) => escaped(path.join(' → ')));
          const more = ways.length > 5 ? ` and ${ways.length - 5} more` : '';
          return `${code(target)}${kind === 'service' ? '' : ' (pii)'}: ${ways.slice(0, 5).join('; ')}${more}`;
        }),
      ),
    ),
    titled(
      'Requests decided one by one',
      list(preview.requestRules.map((change) => escaped(requestRuleText(change)))),
    ),
    titled('Traffic', traffic(preview)),
    titled('Sidecars', sidecars(preview)),
  ];
}

function edgesTable({ edges }: ChangePreview): string {
  const rows = (word: string, changes: readonly EdgeChange[]) =>
    changes.map(({ caller, callee, operations }) => [
      word,
      `${code(caller)} → ${code(callee)}`,
      operations.map(({ operation, class: c }) => `${code(operation)} (${c})`).join(', '),
    ]);
  const all = [
    ...rows('added', edges.added),
    ...rows('widened', edges.widened),
    ...rows('removed', edges.removed),
    ...rows('narrowed', edges.narrowed),
    ...edges.redefined.map(({ operation, before, after }) => [
      'redefined',
      code(operation),
      `${code(meaningText(before))} → ${code(meaningText(after))}`,
    ]),
  ];
  return all.length === 0
    ? 'No edge changes.'
    : titled('Edges', table(['', 'edge', 'operations'], all));
}

function traffic({ traffic: seen }: ChangePreview): string {
  if (seen.denied === null) return `Not looked at: ${escaped(seen.notSeen ?? '')}`;
  const span = trafficSpan(seen);
  if (seen.denied.length === 0) return `None of what was seen ${span} would be denied.`;
  const rows = seen.denied.map((denied) => [
    code(denied.caller),
    code(denied.operation),
    String(Math.round(denied.requestsPerDay)),
    denied.cause,
    denied.callerObjectives.map(code).join(', '),
    denied.calleeObjectives.map(code).join(', '),
  ]);
  const head = ['caller', 'operation', 'requests/day', 'cause', "caller's SLO", "callee's SLO"];
  return `Would be denied, of what was seen ${span}:\n\n${table(head, rows)}`;
}

function sidecars({ sidecars: { changed, total } }: ChangePreview): string {
  if (changed.length === 0) return `None of ${total} changes.`;
  const sent = changed.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  const summary = `${counted(changed.length, 'sidecar changes', 'sidecars change')} of ${total}, ${sizeText(sent)} sent`;
  const rows = changed.map(({ instance, change, bytesBefore, bytesAfter, bytesSent }) => [
    code(instance),
    change,
    signedBytes(bytesAfter - bytesBefore),
    sizeText(bytesSent),
  ]);
  const details = table(['sidecar', '', 'size', 'sent'], rows);
  return `<details><summary>${summary}</summary>\n\n${details}\n\n</details>`;
}

function titled(title: string, content: string): string {
  return content === '' ? '' : `#### ${title}\n\n${content}`;
}

function list(items: readonly string[]): string {
  const rest = items.length - ROWS_MAX;
  const more = rest > 0 ? [`and ${rest} more`] : [];
  return [...items.slice(0, ROWS_MAX), ...more].map((item) => `- ${item}`).join('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rest = rows.length - ROWS_MAX;
  return [
    line(head),
    line(head.map(() => '---')),
    ...rows.slice(0, ROWS_MAX).map(line),
    ...(rest > 0 ? [`\nand ${rest} more`] : []),
  ].join('\n');
}

/** Text that Markdown and HTML shall not read. */
function escaped(text: string): string {
  return text
    .replace(/[\\`*_[\]<>|#@&]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replaceAll('\n', ' ');
}

/** Names and rules; a backtick or line break has no place in them. */
function code(text: string): string {
  return `\`${text.replace(/[`\r\n]/g, ' ').replaceAll('|', '\\|')}\``;
}
