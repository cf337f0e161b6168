/** A real part (Envoy, OPA, PostgreSQL …) cannot be had or started; says what to do about it. */
export class PartError extends Error {
  override readonly name = 'PartError';

  constructor(
    readonly part: string,
    reason: string,
    readonly wayOut: string,
    options?: ErrorOptions,
  ) {
    super(`${part}: ${reason}. ${wayOut}`, options);
  }
}
