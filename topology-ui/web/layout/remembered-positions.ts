import type { Point, Positions } from './layout-wish.js';

/** The part of `localStorage` that is used here. */
export interface KeyValueStore {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** Positions of services that are gone are kept too, up to this many, so that they return to their place. */
const positionsMax = 5_000;

/** Where the dots of one mesh stood last time, in this browser. Broken or missing memory reads as none. */
export class RememberedPositions {
  private readonly key: string;

  constructor(
    private readonly store: KeyValueStore | null,
    mesh: string,
    shape: 'wide' | 'tall',
  ) {
    this.key = `dotline:positions:${shape}:${mesh}`;
  }

  read(): Positions {
    try {
      const stored: unknown = JSON.parse(this.store?.getItem(this.key) ?? '{}');
      if (typeof stored !== 'object' || stored === null) return {};
      return Object.fromEntries(Object.entries(stored).flatMap(readEntry));
    } catch {
      return {};
    }
  }

  /** Adds to what is remembered; a full or forbidden store forgets silently, the page works without. */
  write(positions: Positions): void {
    const all = Object.entries({ ...this.read(), ...positions }).slice(-positionsMax);
    const compact = all.map(([id, { x, y }]) => [id, [Math.round(x), Math.round(y)]]);
    try {
      this.store?.setItem(this.key, JSON.stringify(Object.fromEntries(compact)));
    } catch {
      // Storage may be full or switched off: positions then last as long as the page.
    }
  }
}

function readEntry([id, value]: [string, unknown]): readonly (readonly [string, Point])[] {
  if (!Array.isArray(value)) return [];
  const [x, y]: unknown[] = value;
  return Number.isFinite(x) && Number.isFinite(y) ? [[id, { x: Number(x), y: Number(y) }]] : [];
}
