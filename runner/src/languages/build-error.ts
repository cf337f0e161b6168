/** A service's program cannot be built; carries the builder's own words. */
export class BuildError extends Error {
  override readonly name = 'BuildError';

  constructor(
    readonly what: string,
    readonly output: string,
    readonly wayOut: string,
  ) {
    super(`${what} cannot be built: ${output.trim().split('\n').slice(-8).join('\n')} ${wayOut}`);
  }
}
