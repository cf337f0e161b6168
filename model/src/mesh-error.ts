/** Where something is wrong and what to do about it. */
export interface Problem {
  /** Relative to the mesh directory. */
  readonly file: string;
  /** 1-based; 1 when the whole file is meant. */
  readonly line: number;
  /** 1-based; absent when the line is meant. */
  readonly column?: number;
  readonly message: string;
  /** The way out, when there is one to name. */
  readonly hint?: string;
}

/** One line for a terminal or a log. */
export function formatProblem(problem: Problem): string {
  const hint = problem.hint === undefined ? '' : ` (${problem.hint})`;
  return `${problem.file}:${problem.line}: ${problem.message}${hint}`;
}

/** What a person wrote into the mesh directory cannot be used; carries every problem found, not just the first. */
export class MeshError extends Error {
  override readonly name = 'MeshError';

  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
  }
}
