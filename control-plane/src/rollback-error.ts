/** A rollback that is not possible, with words for the person who asked. */
export class RollbackError extends Error {
  override readonly name = 'RollbackError';

  constructor(
    /** `unknown`: no revision of that name; `conflict`: not possible as things are. */
    readonly kind: 'unknown' | 'conflict',
    message: string,
  ) {
    super(message);
  }
}
