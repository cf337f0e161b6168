import type { PrunedRule, PruneResult } from '@dotline/policies/prune-policies';
import colours from 'picocolors';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';
import { counted } from './policy-diff-words.js';
import type { PolicyPruneResult } from './policy-prune.js';
import { historyLines, unusedCount } from './policy-unused-answer.js';

/**
 * `dotline policy prune`: 0 when the branch was made and its tests hold, or when nothing is unused; 1 when something
 * unused stays, or a test fails on the branch.
 */
export function policyPruneAnswer(result: PolicyPruneResult): Answer {
  const { base, branch, commit, pruned, report } = result;
  const unused = unusedCount(report);
  const isDone =
    unused === 0 || (commit !== null && pruned !== null && pruned.failingTests.length === 0);
  return {
    text: [...historyLines(report), '', ...bodyLines(result, unused)].join('\n'),
    value: {
      base,
      branch: commit === null ? null : branch,
      commit,
      unused,
      ...(pruned === null ? { refusedBecause: [TOO_SHORT] } : withoutTexts(pruned)),
    },
    exitCode: isDone ? ExitCode.ok : ExitCode.no,
  };
}

const TOO_SHORT = 'records do not go back to the start of the window';

function bodyLines({ base, branch, commit, pruned }: PolicyPruneResult, unused: number): string[] {
  if (unused === 0) return [colours.green('nothing that is old enough to judge is unused')];
  if (pruned === null) {
    return [
      colours.red(`no branch: ${TOO_SHORT}, and what was used before them is not known`),
      'name a window that records cover with --days',
    ];
  }
  const { rules, shortened, byHand, refusedBecause, operationsRemoved, failingTests } = pruned;
  return [
    commit === null
      ? colours.red('no branch: nothing can be removed for certain')
      : colours.green(
          `branch ${branch} (${commit.slice(0, 10)}) from ${base.commit.slice(0, 10)}: ${counted(operationsRemoved.length, 'operation', 'operations')} less`,
        ),
    ...section('why', refusedBecause),
    ...section('no longer allowed', operationsRemoved),
    ...section('rules removed', rules.map(ruleText)),
    ...section(
      'rules shortened',
      shortened.map((rule) => `${ruleText(rule)}, without ${rule.elements.join(', ')}`),
    ),
    ...section(
      'to be changed by hand',
      byHand.map((rule) => {
        const used = rule.used.length === 0 ? '' : `\n    used: ${rule.used.join(', ')}`;
        return `${ruleText(rule)}\n    ${rule.why}${used}`;
      }),
    ),
    ...section(
      'tests that no longer hold',
      failingTests.map(({ file, line, name }) => colours.red(`${file}:${line} ${name}`)),
    ),
    ...(commit === null
      ? []
      : ['', `dotline policy diff ${base.commit.slice(0, 10)}..${branch} shows what it does`]),
  ];
}

function ruleText({ kind, file, line, team, title }: PrunedRule): string {
  const named = title === null ? '' : ` "${title}"`;
  return `${file}:${line} ${kind} of ${team}${named}`;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0
    ? []
    : ['', colours.bold(`${title} (${lines.length})`), ...lines.map((line) => `  ${line}`)];
}

function withoutTexts({ files, ...rest }: PruneResult): Record<string, unknown> {
  return { ...rest, files: [...files.keys()] };
}
