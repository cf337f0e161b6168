/** What scripts may rely on. */
export const ExitCode = {
  /** The answer is yes: converged, an edge exists, no alert. */
  ok: 0,
  /** The answer is no. */
  no: 1,
  /** The command was misspelt. */
  usage: 2,
  /** The mesh does not answer, or could not be started. */
  unavailable: 3,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
