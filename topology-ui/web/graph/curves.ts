import type { Point } from '../layout/layout-wish.js';
import type { Curve } from './graph-canvas.js';

/** The point at `share` (0 to 1) of a quadratic Bézier. */
export function pointOn(curve: Curve, share: number): Point {
  const rest = 1 - share;
  const [a, b, c] = [rest * rest, 2 * rest * share, share * share];
  return {
    x: a * curve.from.x + b * curve.control.x + c * curve.to.x,
    y: a * curve.from.y + b * curve.control.y + c * curve.to.y,
  };
}

/** Length in model pixels, close enough for speeds. */
export function lengthOf(curve: Curve): number {
  let length = 0;
  let last = curve.from;
  for (let step = 1; step <= 8; step += 1) {
    const next = pointOn(curve, step / 8);
    length += Math.hypot(next.x - last.x, next.y - last.y);
    last = next;
  }
  return length;
}
