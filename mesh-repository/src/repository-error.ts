/** A repository cannot be served or used as a mesh's. One line, with the way out. */
export class RepositoryError extends Error {
  override readonly name = 'RepositoryError';
}
