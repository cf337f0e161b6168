/** A revision cannot be staged, with the reason and the status of the answer. */
export class ShadowError extends Error {
  override readonly name = 'ShadowError';
  /** The reason is for whoever asked. */
  readonly expose = true;

  constructor(
    readonly status: 400 | 409 | 422 | 503,
    message: string,
  ) {
    super(message);
  }
}
