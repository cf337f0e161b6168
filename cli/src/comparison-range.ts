/** What `dotline policy diff` compares. */
export interface ComparisonRange {
  /** A Git ref, `live`, or `undefined` for the live revision, else `HEAD`. */
  readonly base: string | undefined;
  /** A Git ref, or `undefined` for the working directory. */
  readonly head: string | undefined;
}

/** The name of the live revision. */
export const LIVE = 'live';

/**
 * Reads `<base>..<head>`, where either may be left out, or `<head>` alone; `undefined` when it is
 * neither: Git's three dots mean something else, and what is live is never a head.
 */
export function parseRange(text: string): ComparisonRange | undefined {
  const sides = text.split('..');
  if (sides.length > 2 || text.includes('...') || /\s/.test(text)) return undefined;
  const [first = '', second] = sides;
  const [base, head] = second === undefined ? ['', first] : [first, second];
  if (head === LIVE || text === '') return undefined;
  return { base: base === '' ? undefined : base, head: head === '' ? undefined : head };
}
