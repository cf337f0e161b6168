const LENGTH_MAX = 200;

/** The known name that a person most likely meant, or nothing when none is near. */
export function nearestName(written: string, known: Iterable<string>): string | undefined {
  if (written.length > LENGTH_MAX) return undefined;
  // A third of the letters may differ: `fare.estmate` is near `fare.estimate`, `a` is near nothing.
  let limit = Math.floor(written.length / 3);
  let nearest: string | undefined;
  for (const name of known) {
    if (Math.abs(name.length - written.length) > limit) continue;
    const distance = editDistance(written, name);
    if (distance > limit || (distance === limit && nearest !== undefined && name > nearest))
      continue;
    limit = distance;
    nearest = name;
  }
  return nearest;
}

/** `did you mean …?`, or nothing when no known name is near. */
export function didYouMean(written: string, known: Iterable<string>): string | undefined {
  const nearest = nearestName(written, known);
  return nearest === undefined ? undefined : `did you mean ${nearest}?`;
}

/** Insertions, removals, replacements and swaps of neighbours that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let best = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped = row > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) best = Math.min(best, (beforeLast[column - 2] ?? 0) + 1);
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}
