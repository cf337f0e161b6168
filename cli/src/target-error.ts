/** What a command would write to is there already, in one line with the way out. */
export class TargetError extends Error {
  override readonly name = 'TargetError';
}
