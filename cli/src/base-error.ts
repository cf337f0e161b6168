/** The first side cannot be compiled, so there is nothing to compare with. */
export class BaseError extends Error {
  override readonly name = 'BaseError';
}
