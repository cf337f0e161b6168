import type { LineFigures } from '../live/store.js';
import type { Theme } from '../view-model/colour.js';
import type { Emphasis } from '../view-model/emphasis.js';
import type { GraphElements } from '../view-model/graph-elements.js';
import type { Insets } from './graph-canvas.js';

/** What the layers over the graph draw from. */
export interface Scene {
  readonly elements: GraphElements;
  readonly emphasis: Emphasis;
  /** What covers the graph's sides: labels keep out of there. */
  readonly insets: Insets;
  readonly theme: Theme;
  readonly lineFigures: LineFigures;
}
