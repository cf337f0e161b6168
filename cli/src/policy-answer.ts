import { formatProblem } from '@dotline/model/mesh-error';
import type { PolicyTestRun } from '@dotline/policies/test-policies';
import colours from 'picocolors';
import type { Answer } from './commands.js';
import { ExitCode } from './exit-code.js';

/** `dotline policy test`: 1 when a test failed, could not be run, or a team has rules without any. */
export function policyTestAnswer(run: PolicyTestRun): Answer {
  const bad = run.results.filter(({ outcome }) => outcome === 'failed' || outcome === 'errored');
  const passed = run.results.filter(({ outcome }) => outcome === 'passed').length;
  const lines = [
    ...run.problems.map((problem) => colours.red(formatProblem(problem))),
    ...bad.map(({ file, line, name, message }) =>
      colours.red(`${file}:${line}: ${name} ${message ?? 'failed'}`),
    ),
    ...run.untested.map((team) => colours.yellow(`${team} has rules without a test`)),
    `${passed} passed, ${bad.length + run.problems.length} failed`,
  ];
  const good = run.passed && run.untested.length === 0;
  return { text: lines.join('\n'), value: run, exitCode: good ? ExitCode.ok : ExitCode.no };
}
