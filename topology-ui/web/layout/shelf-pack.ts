import type { Point } from './layout-wish.js';

export interface Box {
  readonly width: number;
  readonly height: number;
}

/** Corners of boxes set on shelves, so that the whole comes close to the wished proportions. */
export function shelfPack(boxes: readonly Box[], aspect: number): readonly Point[] {
  const area = boxes.reduce((sum, box) => sum + box.width * box.height, 0);
  const widest = Math.max(0, ...boxes.map((box) => box.width));
  const shelfWidth = Math.max(widest, Math.sqrt(area * aspect) * 1.05);
  const order = boxes.map((_, index) => index).sort((a, b) => heightOf(b) - heightOf(a) || a - b);
  const corners: Point[] = boxes.map(() => ({ x: 0, y: 0 }));
  let x = 0;
  let y = 0;
  let shelfHeight = 0;
  for (const index of order) {
    const box = boxes[index];
    if (box === undefined) continue;
    if (x > 0 && x + box.width > shelfWidth) {
      x = 0;
      y += shelfHeight;
      shelfHeight = 0;
    }
    corners[index] = { x, y };
    x += box.width;
    shelfHeight = Math.max(shelfHeight, box.height);
  }
  return corners;

  function heightOf(index: number): number {
    return boxes[index]?.height ?? 0;
  }
}
