/** Where labels go: pure geometry in screen pixels. */

export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export type Side = 'below' | 'above' | 'right' | 'left';

/** Places taken so far, in coarse buckets, so that thousands of labels cost no more than they show. */
export class TakenPlaces {
  private readonly buckets = new Map<string, Rectangle[]>();

  constructor(private readonly bucketPx = 120) {}

  take(place: Rectangle): void {
    this.forBuckets(place, (key) => {
      this.buckets.set(key, [...(this.buckets.get(key) ?? []), place]);
      return false;
    });
  }

  isFree(place: Rectangle): boolean {
    return !this.forBuckets(place, (key) =>
      (this.buckets.get(key) ?? []).some((taken) => overlap(taken, place)),
    );
  }

  private forBuckets(place: Rectangle, stop: (key: string) => boolean): boolean {
    const last = (start: number, size: number) => Math.floor((start + size) / this.bucketPx);
    for (
      let x = Math.floor(place.left / this.bucketPx);
      x <= last(place.left, place.width);
      x += 1
    ) {
      for (
        let y = Math.floor(place.top / this.bucketPx);
        y <= last(place.top, place.height);
        y += 1
      ) {
        if (stop(`${x}:${y}`)) return true;
      }
    }
    return false;
  }
}

export function overlap(a: Rectangle, b: Rectangle): boolean {
  return (
    a.left < b.left + b.width &&
    b.left < a.left + a.width &&
    a.top < b.top + b.height &&
    b.top < a.top + a.height
  );
}

/** Sides of a dot, the one with the fewest lines first; below wins a tie, as people expect it there. */
export function sidesByPeace(lineDirections: readonly number[]): readonly Side[] {
  const disturbed = (side: Side) =>
    lineDirections.reduce((sum, direction) => {
      const apart = Math.abs(angleBetween(direction, sideAngles[side]));
      return sum + Math.max(0, 1 - apart / sideReach[side]);
    }, sideCost[side]);
  return [...sides].sort((a, b) => disturbed(a) - disturbed(b));
}

/** The label's place at a side of a dot. */
export function placeAt(
  side: Side,
  dot: { readonly x: number; readonly y: number; readonly radius: number },
  size: { readonly width: number; readonly height: number },
  gap: number,
): Rectangle {
  const reach = dot.radius + gap;
  const left =
    side === 'right'
      ? dot.x + reach
      : side === 'left'
        ? dot.x - reach - size.width
        : dot.x - size.width / 2;
  const top =
    side === 'below'
      ? dot.y + reach
      : side === 'above'
        ? dot.y - reach - size.height
        : dot.y - size.height / 2;
  return { left, top, width: size.width, height: size.height };
}

const sides: readonly Side[] = ['below', 'above', 'right', 'left'];
const sideAngles: Readonly<Record<Side, number>> = {
  right: 0,
  below: Math.PI / 2,
  left: Math.PI,
  above: -Math.PI / 2,
};
/** Labels are wide: lines within this angle of a side's middle cross them. */
const sideReach: Readonly<Record<Side, number>> = { below: 1.1, above: 1.1, right: 0.5, left: 0.5 };
const sideCost: Readonly<Record<Side, number>> = { below: 0, above: 0.25, right: 0.45, left: 0.55 };

function angleBetween(a: number, b: number): number {
  return Math.atan2(Math.sin(a - b), Math.cos(a - b));
}
