import { peerName, type Results } from './results.js';
import { targets } from './targets.js';

type Row = readonly string[];

/** One table for each scenario: every server, the ratio of ours to the peer, and the target. */
export function report(results: Results, machine: string, format: 'text' | 'markdown'): string {
  const scenarios = [...new Set(results.rows.map(({ scenario }) => scenario))];
  const table = format === 'markdown' ? markdown : text;
  return [
    `Machine: ${machine}`,
    ...scenarios.map((scenario) => `${title(scenario, format)}\n${table(rows(results, scenario))}`),
  ].join('\n\n');
}

function title(scenario: string, format: 'text' | 'markdown'): string {
  return format === 'markdown' ? `### ${scenario}\n` : scenario;
}

function rows(results: Results, scenario: string): Row[] {
  const servers = results.servers.filter((server) =>
    results.rows.some((row) => row.scenario === scenario && has(results, row, server)),
  );
  const [ours] = servers;
  const compared = servers.includes(peerName) && ours !== undefined && ours !== peerName;
  const head = ['', ...servers, ...(compared ? [`${ours} / ${peerName}`] : []), 'target'];
  const body = results.rows
    .filter((row) => row.scenario === scenario)
    .map(({ metric }) => {
      const values = servers.map((server) => results.value(scenario, metric, server));
      const mine = ours === undefined ? undefined : results.value(scenario, metric, ours);
      const peer = results.value(scenario, metric, peerName);
      const ratio =
        mine === undefined || peer === undefined || peer === 0 ? '' : times(mine / peer);
      return [
        metric,
        ...values.map((value) => (value === undefined ? '' : number(value))),
        ...(compared ? [ratio] : []),
        verdict(scenario, metric, mine, peer),
      ];
    });
  return [head, ...body];
}

function has(results: Results, row: { scenario: string; metric: string }, server: string): boolean {
  return results.value(row.scenario, row.metric, server) !== undefined;
}

function verdict(
  scenario: string,
  metric: string,
  ours: number | undefined,
  peer: number | undefined,
): string {
  const target = targets.find((each) => each.scenario === scenario && each.metric === metric);
  if (target === undefined || ours === undefined) {
    return '';
  }
  const met = target.met(ours, peer);
  return met === undefined ? target.says : `${target.says}: ${met ? 'met' : 'MISSED'}`;
}

function times(ratio: number): string {
  return ratio >= 1 ? `${ratio.toFixed(2)}×` : `1/${(1 / ratio).toFixed(1)}`;
}

function number(value: number): string {
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
}

function text(table: readonly Row[]): string {
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  );
  return table
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `  ${line}`)
    .join('\n');
}

function markdown(table: readonly Row[]): string {
  const [head = [], ...body] = table;
  const line = (row: Row) => `| ${row.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '--:'));
  return [line(head), line(rule), ...body.map(line)].join('\n');
}
