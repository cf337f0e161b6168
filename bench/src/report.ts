import type { Results } from './results.js';
import { peerNames, targets } from './targets.js';

type Row = readonly string[];

/** One table for each scenario: every server, the ratios of ours to its peers, and the targets. */
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
  const metrics = results.rows.filter((row) => row.scenario === scenario).map((row) => row.metric);
  const value = (metric: string, server: string) => results.value(scenario, metric, server);
  const servers = results.servers.filter((server) =>
    metrics.some((metric) => value(metric, server) !== undefined),
  );
  const ours = servers.find((server) => !peerNames.includes(server));
  const peers = ours === undefined ? [] : servers.filter((server) => peerNames.includes(server));
  const head = ['', ...servers, ...peers.map((peer) => `${ours} / ${peer}`), 'target'];
  const body = metrics.map((metric) => {
    const mine = ours === undefined ? undefined : value(metric, ours);
    return [
      metric,
      ...servers.map((server) => number(value(metric, server))),
      ...peers.map((peer) => ratio(mine, value(metric, peer))),
      mine === undefined ? '' : verdicts(results, scenario, metric, mine),
    ];
  });
  return [head, ...body];
}

/** Each target of the row, and whether it is met if that can be said. */
function verdicts(results: Results, scenario: string, metric: string, ours: number): string {
  return targets
    .filter((target) => target.scenario === scenario && target.metric === metric)
    .map(({ says, against, met }) => {
      const peers = against.flatMap((peer) => results.value(scenario, metric, peer) ?? []);
      const verdict = met(ours, peers.length === 0 ? undefined : Math.min(...peers));
      return verdict === undefined ? says : `${says}: ${verdict ? 'met' : 'MISSED'}`;
    })
    .join('; ');
}

function ratio(mine: number | undefined, peer: number | undefined): string {
  return mine === undefined || peer === undefined || peer === 0 ? '' : times(mine / peer);
}

function times(ratio: number): string {
  return ratio >= 1 ? `${ratio.toFixed(2)}×` : `1/${(1 / ratio).toFixed(1)}`;
}

function number(value: number | undefined): string {
  if (value === undefined) {
    return '';
  }
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
