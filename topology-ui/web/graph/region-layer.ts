import type { GraphCanvas } from './graph-canvas.js';
import { fontStack, inks } from './ink.js';
import type { Layer } from './layer.js';
import type { Scene } from './scene.js';

const padding = { x: 84, top: 84, bottom: 68 };

/** Draws a quiet area with a name behind each product's dots. */
export function drawRegions(layer: Layer, canvas: GraphCanvas, scene: Scene): void {
  layer.clear();
  const ink = inks[scene.theme];
  const { zoom, pan } = canvas.viewport;
  const { context } = layer;
  context.font = `600 ${Math.min(13, Math.max(10, 12 * zoom))}px ${fontStack}`;
  context.textBaseline = 'top';
  for (const [product, box] of boxesOf(canvas, scene)) {
    const left = (box.left - padding.x) * zoom + pan.x;
    const top = (box.top - padding.top) * zoom + pan.y;
    const width = (box.right - box.left + 2 * padding.x) * zoom;
    const height = (box.bottom - box.top + padding.top + padding.bottom) * zoom;
    context.beginPath();
    context.roundRect(left, top, width, height, 18 * zoom);
    context.fillStyle = ink.region;
    context.fill();
    context.strokeStyle = ink.regionBorder;
    context.lineWidth = 1;
    context.stroke();
    context.fillStyle = ink.muted;
    context.fillText(product, left + 14 * zoom, top + 10 * zoom);
  }
}

interface Bounds {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

function boxesOf(canvas: GraphCanvas, scene: Scene): ReadonlyMap<string, Bounds> {
  const boxes = new Map<string, Bounds>();
  for (const dot of scene.elements.dots) {
    const at = canvas.positionOf(dot.id);
    if (dot.product === '' || at === undefined || scene.emphasis.hidden.has(dot.id)) continue;
    const box = boxes.get(dot.product);
    boxes.set(dot.product, {
      left: Math.min(box?.left ?? at.x, at.x),
      top: Math.min(box?.top ?? at.y, at.y),
      right: Math.max(box?.right ?? at.x, at.x),
      bottom: Math.max(box?.bottom ?? at.y, at.y),
    });
  }
  return boxes;
}
