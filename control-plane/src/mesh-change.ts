/** More names than anybody reads. */
const FILES_MAX = 20;

/** What has been changed in a mesh directory since somebody last looked. */
export interface MeshChange {
  /** When the first of it was noticed, milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Some of the files, relative to the mesh directory; none when it is only looked at. */
  readonly files: readonly string[];
}

/** Two changes as one. */
export function mergeChanges(a: MeshChange | undefined, b: MeshChange): MeshChange {
  if (a === undefined) return b;
  const files = [...new Set([...a.files, ...b.files])].slice(0, FILES_MAX);
  return { sinceMs: Math.min(a.sinceMs, b.sinceMs), files };
}
