/** One line that says why something failed. */
export function errorReason(error: unknown): string {
  // Node reports a refused connection to a name with several addresses as an AggregateError without words.
  if (error instanceof AggregateError) return error.errors.map(errorReason).join('; ');
  if (!(error instanceof Error)) return String(error);
  return error.message.split('\n')[0] || error.name;
}
