import { cell, type LayoutNode, type Point } from './layout-wish.js';

/** Cells of a staggered grid; each product owns a band of rows. */
export interface GridBands {
  readonly columns: number;
  readonly slots: readonly Slot[];
}

export interface Slot extends Point {
  readonly column: number;
  readonly product: string;
}

/** Free cells beside the taken ones give lines room to pass. */
const roominess = 1.45;
/** Bands lie so far apart that the products' areas, with their names, do not touch. */
const bandGap = 108;
/** From the last row of a band to the first of the next. */
export const bandPitch = 166;

/** The grid whose proportions come closest to the wished ones. */
export function gridBands(nodes: readonly LayoutNode[], aspect: number): GridBands {
  const counts = new Map<string, number>();
  for (const node of nodes) counts.set(node.product, (counts.get(node.product) ?? 0) + 1);
  const products = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  const largest = Math.max(1, ...counts.values());
  let best = { columns: 1, miss: Number.POSITIVE_INFINITY };
  for (let columns = 2; columns <= Math.max(3, largest); columns += 1) {
    const rows = products.reduce((sum, [, count]) => sum + rowsFor(count, columns), 0);
    const height = rows * cell.height + (products.length - 1) * bandGap;
    const miss = Math.abs(Math.log((columns * cell.width) / height / aspect));
    if (miss < best.miss) best = { columns, miss };
  }
  return { columns: best.columns, slots: slotsOf(products, best.columns) };
}

function slotsOf(
  products: readonly (readonly [string, number])[],
  columns: number,
): readonly Slot[] {
  const slots: Slot[] = [];
  let top = 0;
  for (const [product, count] of products) {
    const rows = rowsFor(count, columns);
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const stagger = column % 2 === 0 ? 0 : cell.height / 2;
        slots.push({
          column,
          product,
          x: column * cell.width,
          y: top + row * cell.height + stagger,
        });
      }
    }
    top += rows * cell.height + bandGap;
  }
  return slots;
}

function rowsFor(count: number, columns: number): number {
  return Math.max(1, Math.ceil((count * roominess) / columns));
}
