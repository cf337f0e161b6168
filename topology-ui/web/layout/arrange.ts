import { forceLayout } from './force-layout.js';
import { gridLayout, gridLayoutNodesMax } from './grid-layout.js';
import type { LayoutWish, Positions } from './layout-wish.js';

/** Arranges a whole mesh: by search on a grid while that is affordable, by forces beyond. */
export function arrange(wish: LayoutWish): Positions {
  return wish.nodes.length <= gridLayoutNodesMax ? gridLayout(wish) : forceLayout(wish);
}
