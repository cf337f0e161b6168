import type { Positions } from '../layout/layout-wish.js';
import type { LineFigures } from '../live/store.js';
import type { Theme } from '../view-model/colour.js';
import type { Emphasis } from '../view-model/emphasis.js';
import type { GraphElements } from '../view-model/graph-elements.js';

/** What the layers over the graph draw from. */
export interface Scene {
  readonly elements: GraphElements;
  readonly emphasis: Emphasis;
  readonly positions: Positions;
  readonly theme: Theme;
  readonly lineFigures: LineFigures;
}
