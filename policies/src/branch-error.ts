/** A branch cannot be made, in one line. */
export class BranchError extends Error {
  override readonly name = 'BranchError';
}
