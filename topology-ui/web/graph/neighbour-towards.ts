import type { Positions } from '../layout/layout-wish.js';

const directions: Readonly<Record<string, readonly [number, number]>> = {
  ArrowRight: [1, 0],
  ArrowLeft: [-1, 0],
  ArrowDown: [0, 1],
  ArrowUp: [0, -1],
};

/** The closest dot in the direction of an arrow key; `null` for other keys and at the rim. */
export function neighbourTowards(
  key: string,
  from: string,
  ids: readonly string[],
  positions: Positions,
): string | null {
  const direction = directions[key];
  const start = positions[from];
  if (direction === undefined || start === undefined) return null;
  let best: { readonly id: string; readonly cost: number } | null = null;
  for (const id of ids) {
    const at = positions[id];
    if (id === from || at === undefined) continue;
    const ahead = (at.x - start.x) * direction[0] + (at.y - start.y) * direction[1];
    const aside =
      Math.abs((at.x - start.x) * direction[1]) + Math.abs((at.y - start.y) * direction[0]);
    if (ahead <= 0 || aside > 2 * ahead) continue;
    const cost = ahead + 2 * aside;
    if (best === null || cost < best.cost) best = { id, cost };
  }
  return best?.id ?? null;
}
