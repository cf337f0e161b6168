/**
 * Reports an error that nobody waits for as a process warning, with its stack; what listens to
 * 'warning' can log it. Warnings take text, not any realm's Error.
 */
export function warn(type: 'XdsHookWarning' | 'XdsStreamWarning', error: unknown): void {
  const { message, stack } =
    typeof error === 'object' && error !== null && 'message' in error
      ? (error as Error)
      : { message: String(error), stack: undefined };
  process.emitWarning(message, { type, ...(stack !== undefined && { detail: stack }) });
}
