import type { Problem } from '@dotline/model/mesh-error';
import { compareText } from './relations.js';

/** An error as OPA's JSON tells it. */
export interface OpaProblem {
  readonly code?: string;
  readonly message?: string;
  readonly location?: { readonly file?: string; readonly row?: number; readonly col?: number };
}

const HINTS: readonly [pattern: RegExp, hint: string][] = [
  [
    /undefined function (\S+)/,
    'only deterministic builtins that WebAssembly provides may be used, see docs/guides/policies.md',
  ],
  [/^empty module$/, 'start the file with its package, or delete it'],
  [/is recursive/, 'a rule may not use itself, not even through others'],
  [/conflicting rules/, 'one name is either a set or a value'],
  [/`if` keyword is required/, 'write "… if { … }"'],
];

/** Reads the errors of `opa parse|check --format json`; none when the text holds none. */
export function readOpaErrors(json: string, fallbackFile: string): Problem[] {
  try {
    const { errors } = JSON.parse(json) as { readonly errors?: readonly OpaProblem[] };
    return problemsOf(errors ?? [], fallbackFile);
  } catch {
    return [];
  }
}

/** In the words of this compiler. */
export function problemsOf(errors: readonly OpaProblem[], fallbackFile: string): Problem[] {
  return errors.map(({ message = 'cannot be used', location }) =>
    withHint({
      file: location?.file || fallbackFile,
      line: Math.max(1, location?.row ?? 1),
      ...(location?.col === undefined || location.col < 1 ? {} : { column: location.col }),
      message,
    }),
  );
}

/** Reads errors that OPA prints as text: `<file>:<line>: <code>: <message>`, after `N error(s) occurred:`. */
export function readOpaErrorText(text: string, fallbackFile: string): Problem[] {
  const lines = text
    .replace(/^\s*(error: )?\d+ errors? occurred( during loading)?:/, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines.slice(0, 20).map((line) => {
    const match = /^(.+?):(\d+): (?:rego_\w+: )?(.*)$/.exec(line);
    return match === null
      ? { file: fallbackFile, line: 1, message: line }
      : withHint({
          file: match[1] ?? fallbackFile,
          line: Number(match[2]),
          message: match[3] ?? '',
        });
  });
}

/** By file and line, each problem once. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  const unique = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  return [...unique.values()].sort((a, b) => compareText(a.file, b.file) || a.line - b.line);
}

function withHint(problem: Problem): Problem {
  for (const [pattern, hint] of HINTS) {
    const match = pattern.exec(problem.message);
    if (match !== null) return { ...problem, hint };
  }
  return problem;
}
