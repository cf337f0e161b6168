/** Requests of one caller that policy refused, of one method and one path. */
export interface AttemptSeen {
  readonly caller: string;
  readonly callee: string;
  readonly method: string;
  /** As it was asked for, without its query. */
  readonly path: string;
  readonly requests: number;
  /** Milliseconds since the epoch. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** What was refused in a window of time. */
export interface DeniedSeen {
  /** Milliseconds since the epoch. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** Whether these are all: otherwise rarer ones are missing. */
  readonly complete: boolean;
  readonly attempts: readonly AttemptSeen[];
}
