/** Why a request could not be decided; what becomes of it is the team's choice and the sidecar's work. */
export type UndecidedReason =
  | 'policy is not here'
  | 'policy takes too long'
  | 'policy failed'
  | 'too many requests wait'
  | 'request is not of this policy';

/** Nobody can say whether the request is allowed. */
export class UndecidedError extends Error {
  override readonly name = 'UndecidedError';

  constructor(
    readonly reason: UndecidedReason,
    detail: string,
    options?: ErrorOptions,
  ) {
    super(`${reason}: ${detail}`, options);
  }
}
