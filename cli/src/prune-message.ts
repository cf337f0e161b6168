import type { PruneResult } from '@dotline/policies/prune-policies';
import type { UnusedReport } from '@dotline/policies/unused-edges';
import { silenceLines } from './policy-unused-answer.js';

/** The words of the commit that removes unused rules. */
export function pruneMessage(
  { rules, shortened, operationsRemoved }: PruneResult,
  report: UnusedReport,
  days: number,
): string {
  const { fromMs, untilMs, edges } = report;
  const lastSeen = new Map(
    edges.flatMap(({ caller, operations }) =>
      operations.map(({ operation, lastSeenMs }) => [`${caller} → ${operation}`, lastSeenMs]),
    ),
  );
  const seen = (operation: string) => {
    const atMs = lastSeen.get(operation);
    return typeof atMs === 'number' ? `last seen ${day(atMs)}` : 'never seen';
  };
  return [
    `Remove rules that nobody used for ${days} ${days === 1 ? 'day' : 'days'}`,
    '',
    `No request from ${day(fromMs)} to ${day(untilMs)} needed them.`,
    ...silenceLines(report),
    ...list(
      'No longer allowed:',
      operationsRemoved.map((operation) => `${operation} (${seen(operation)})`),
    ),
    ...list(
      'Rules removed:',
      rules.map(({ file, line, team, title }) => `${file}:${line} of ${team}${quoted(title)}`),
    ),
    ...list(
      'Rules shortened:',
      shortened.map(
        ({ file, line, team, title, elements }) =>
          `${file}:${line} of ${team}${quoted(title)}, without ${elements.join(', ')}`,
      ),
    ),
    '',
  ].join('\n');
}

function list(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `- ${line}`)];
}

function quoted(title: string | null): string {
  return title === null ? '' : `, "${title}"`;
}

function day(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
