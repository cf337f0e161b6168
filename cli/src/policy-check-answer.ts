import { join, relative } from 'node:path';
import type { PolicyRemark, PolicyReport } from '@dotline/policies/check-policies';
import colours from 'picocolors';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';
import { percent, table } from './format.js';
import { passedTests } from './passed-tests.js';

interface Options {
  readonly mesh: string;
  /** `editor`: a line for each remark and nothing else, with paths as seen from the working directory. */
  readonly format: 'text' | 'editor';
  /** Whether warnings fail. */
  readonly strict: boolean;
}

/** `dotline policy check`: 1 when there is an error, with `--strict` also when there is a warning. */
export function policyCheckAnswer(report: PolicyReport, options: Options): Answer {
  const failing = report.errors + (options.strict ? report.warnings : 0);
  return {
    text: options.format === 'editor' ? editorText(report, options.mesh) : personText(report),
    value: report,
    exitCode: failing > 0 ? ExitCode.no : ExitCode.ok,
  };
}

function personText(report: PolicyReport): string {
  const { remarks, errors, warnings, coverage } = report;
  const rows = coverage.map(({ team, coveredLines, lines }) => [
    team,
    `${coveredLines} of ${lines}`,
    lines === 0 ? '-' : percent(coveredLines / lines, 0),
  ]);
  return [
    ...remarks.map((remark) => colourOf(remark)(lineOf(remark, remark.file))),
    ...(rows.length === 0 ? [] : [table(['tests of', 'lines evaluated', 'coverage'], rows)]),
    `${count(errors, 'error')}, ${count(warnings, 'warning')}, ${passedTests([report])}`,
  ].join('\n');
}

function editorText({ remarks }: PolicyReport, mesh: string): string {
  return remarks
    .map((remark) => {
      // Files that the product ships are not in the mesh directory.
      const shipped = remark.file.startsWith('@dotline/');
      return lineOf(remark, shipped ? remark.file : relative('', join(mesh, remark.file)));
    })
    .join('\n');
}

/** `file:line:column: severity: message (way out)`, as compilers print it. */
function lineOf({ line, column = 1, severity, message, hint }: PolicyRemark, file: string): string {
  const wayOut = hint === undefined ? '' : ` (${hint})`;
  return `${file}:${line}:${column}: ${severity}: ${oneLine(`${message}${wayOut}`)}`;
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}

function colourOf({ severity }: PolicyRemark): (text: string) => string {
  return severity === 'error' ? colours.red : colours.yellow;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
