import colours from 'picocolors';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';
import { counted } from './policy-diff-words.js';
import type { PolicySuggestResult } from './policy-suggest.js';

/** Of each list; `--json` has all. */
const LINES_MAX = 30;

/**
 * `dotline policy suggest`: 0 with the rules, or when none are needed; 1 when the rules were not proven. What a
 * person reads beside the Rego stands in comments, so that all of it can be pasted.
 */
export function policySuggestAnswer(result: PolicySuggestResult): Answer {
  const { suggestion, complete, written } = result;
  const { files, refusedBecause } = suggestion;
  return {
    text: [...regoLines(result), ...noteLines(result).map((line) => commented(line, result))].join(
      '\n',
    ),
    value: {
      ...suggestion,
      files: Object.fromEntries(refusedBecause.length === 0 ? files : []),
      complete,
      written,
    },
    exitCode: refusedBecause.length === 0 ? ExitCode.ok : ExitCode.no,
  };
}

function regoLines({ suggestion: { files, refusedBecause }, written }: PolicySuggestResult) {
  if (refusedBecause.length > 0) return [];
  if (written !== null) return written.map((path) => `wrote ${path}`);
  return [...files].flatMap(([file, text]) => [colours.dim(`# ${file}`), text]);
}

function commented(line: string, { written, suggestion }: PolicySuggestResult): string {
  const isBesideRego = written === null && suggestion.files.size > 0;
  return isBesideRego && line !== '' ? `# ${line}` : line;
}

function noteLines({ suggestion, complete, days, all }: PolicySuggestResult): string[] {
  const { rules, allowed, forbidden, unmatched, leftOut, notNarrowed } = suggestion;
  const { refusedBecause, failingTests } = suggestion;
  const narrower = rules.filter(({ replaces }) => replaces.length > 0).length;
  const what = all ? 'allow all that was observed' : 'allow what was denied';
  return [
    refusedBecause.length > 0
      ? colours.red('no rules: what they would do is not what was observed')
      : rules.length === 0
        ? colours.green(`nothing to suggest from ${counted(days, 'day', 'days')} of traffic`)
        : [
            `${counted(rules.length - narrower, 'rule', 'rules')} to ${what} (${counted(allowed.length, 'operation', 'operations')})`,
            ...(narrower === 0 ? [] : [`${narrower} in place of wider ones`]),
          ].join(', '),
    ...section('why', refusedBecause),
    ...section(
      'what no rule of a team can allow',
      forbidden.map(({ caller, operation, requests, refusals }) => {
        const [first] = refusals;
        const why =
          first === undefined
            ? ''
            : `: ${first.reason} (${first.guardrail.file}:${first.guardrail.line})`;
        return `${caller} → ${operation}, ${counted(requests, 'request', 'requests')}${why}`;
      }),
    ),
    ...section(
      'attempts that are no operation of the catalog',
      unmatched.map(
        ({ caller, callee, method, path, requests, why }) =>
          `${caller} → ${callee} ${method} ${path}, ${counted(requests, 'request', 'requests')}: ${why}`,
      ),
    ),
    ...(all ? section('agreed, not observed, and left out', leftOut) : []),
    ...section(
      'tests that do not hold with these rules',
      failingTests.map(({ file, line, name }) => `${file}:${line} ${name}`),
    ),
    ...(notNarrowed === null ? [] : ['', `wide grants were not looked at: ${notNarrowed}`]),
    ...(complete ? [] : ['', 'rarer attempts are missing: there were too many to tell']),
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  const rest = lines.length - LINES_MAX;
  return [
    '',
    `${title} (${lines.length})`,
    ...lines.slice(0, LINES_MAX).map((line) => `  ${line}`),
    ...(rest > 0 ? [`  and ${rest} more`] : []),
  ];
}
