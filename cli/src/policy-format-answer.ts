import { formatProblem } from '@dotline/model/mesh-error';
import type { FormatResult } from '@dotline/policies/format-policies';
import colours from 'picocolors';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';

/** `dotline policy fmt`: 1 when a file does not parse, with `--check` also when one would be written. */
export function policyFormatAnswer(result: FormatResult, checkOnly: boolean): Answer {
  const { changed, problems } = result;
  const would = checkOnly ? colours.yellow('would be formatted: ') : 'formatted ';
  const lines = [
    ...problems.map((problem) => colours.red(formatProblem(problem))),
    ...changed.map((file) => `${would}${file}`),
  ];
  if (lines.length === 0) lines.push('every file is formatted');
  const failed = problems.length > 0 || (checkOnly && changed.length > 0);
  return {
    text: lines.join('\n'),
    value: result,
    exitCode: failed ? ExitCode.no : ExitCode.ok,
  };
}
