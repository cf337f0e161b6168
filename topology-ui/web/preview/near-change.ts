import type { ChangedEdge, PreviewPicture } from './preview-elements.js';

/** Up to this many lines the whole mesh is drawn. */
const linesMax = 600;
/** In a larger mesh, services drawn beside those that the change touches. */
const neighboursMax = 120;

/**
 * What is drawn of a mesh: all of a small one; of a large one the services that a change touches and those next to
 * them, since a few lines among thousands are not found.
 */
export function nearChange(
  picture: PreviewPicture,
  changed: readonly ChangedEdge[],
): PreviewPicture {
  if (picture.kept.length + changed.length <= linesMax) return picture;
  const shown = new Set([
    ...changed.flatMap(({ caller, callee }) => [caller, callee]),
    ...picture.services.filter(({ side }) => side !== 'both').map(({ name }) => name),
  ]);
  const touched = new Set(shown);
  const sizeMax = shown.size + neighboursMax;
  for (const [caller, callee] of picture.kept) {
    if (shown.size >= sizeMax) break;
    if (touched.has(caller)) shown.add(callee);
    else if (touched.has(callee)) shown.add(caller);
  }
  return {
    ...picture,
    services: picture.services.filter(({ name }) => shown.has(name)),
    kept: picture.kept.filter(([caller, callee]) => shown.has(caller) && shown.has(callee)),
  };
}
