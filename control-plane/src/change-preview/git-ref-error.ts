/** A name that Git does not know, or under which there is no mesh. One line, with the name. */
export class GitRefError extends Error {
  override readonly name = 'GitRefError';

  constructor(
    readonly ref: string,
    message: string,
  ) {
    super(message);
  }
}
