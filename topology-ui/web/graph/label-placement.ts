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

/** Points along lines, in coarse buckets: how much a label would cover. */
export class CrowdedPoints {
  private readonly buckets = new Map<string, { readonly x: number; readonly y: number }[]>();

  constructor(private readonly bucketPx = 48) {}

  add(x: number, y: number): void {
    const key = `${Math.floor(x / this.bucketPx)}:${Math.floor(y / this.bucketPx)}`;
    const points = this.buckets.get(key);
    if (points === undefined) this.buckets.set(key, [{ x, y }]);
    else points.push({ x, y });
  }

  countIn(place: Rectangle): number {
    const right = place.left + place.width;
    const bottom = place.top + place.height;
    let count = 0;
    for (let x = Math.floor(place.left / this.bucketPx); x * this.bucketPx <= right; x += 1) {
      for (let y = Math.floor(place.top / this.bucketPx); y * this.bucketPx <= bottom; y += 1) {
        for (const point of this.buckets.get(`${x}:${y}`) ?? []) {
          const inside =
            point.x >= place.left && point.x <= right && point.y >= place.top && point.y <= bottom;
          if (inside) count += 1;
        }
      }
    }
    return count;
  }
}

/** The four places beside a dot. */
export const sides: readonly Side[] = ['below', 'above', 'right', 'left'];

/** What a side costs by itself, in covered points: people expect names below. */
export const sideCost: Readonly<Record<Side, number>> = { below: 0, above: 1, right: 1.5, left: 2 };

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
