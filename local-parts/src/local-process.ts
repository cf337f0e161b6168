/** How to start one process on this machine and how to tell that it works. */
export interface LocalProcess {
  /** For logs and messages. */
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Added to the environment of the starter. */
  readonly environment: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** Resolves when it answers; rejects while it does not yet. */
  ready(): Promise<void>;
}
