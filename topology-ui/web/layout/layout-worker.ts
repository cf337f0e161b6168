/** The worker's entry: a wish in, positions out. Keeps the page responsive while a mesh is arranged. */
import { arrange } from './arrange.js';
import type { LayoutWish } from './layout-wish.js';

self.addEventListener('message', (event: MessageEvent<LayoutWish>) => {
  self.postMessage(arrange(event.data));
});
