/**
 * Why OPA could not do its job, apart from what people wrote in policies (that is a `MeshError`).
 * `missing`: no executable at the path. `unsupported-version`: another OPA than this compiler knows.
 * `failed`: it ended in a way that its documentation does not name.
 * `exhausted`: what it was given took too long, or gave too much output.
 */
export type OpaErrorCode = 'missing' | 'unsupported-version' | 'failed' | 'exhausted';

/** The message names the way out. */
export class OpaError extends Error {
  override readonly name = 'OpaError';

  constructor(
    readonly code: OpaErrorCode,
    readonly opaPath: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
