import {
  cell,
  type LayoutLink,
  type LayoutNode,
  type LayoutWish,
  type Point,
  type Positions,
} from './layout-wish.js';
import { distanceToSegment } from './segments.js';

const ringsMax = 40;
const spotsPerRing = 16;

/**
 * Finds places for nodes without one, near whom they talk to or else near their team or product,
 * and moves nobody else. Nodes are placed in order of id.
 */
export function placeNewDots(wish: LayoutWish, placed: Positions): Positions {
  const positions: Record<string, Point> = {};
  for (const node of wish.nodes) {
    const known = placed[node.id];
    if (known !== undefined) positions[node.id] = known;
  }
  const newcomers = wish.nodes.filter((node) => positions[node.id] === undefined);
  for (const node of [...newcomers].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    positions[node.id] = freeSpot(anchorOf(node, wish, positions), positions, wish.links);
  }
  return positions;
}

function anchorOf(node: LayoutNode, wish: LayoutWish, positions: Positions): Point {
  const neighbours = wish.links.flatMap(({ from, to }) =>
    from === node.id ? [to] : to === node.id ? [from] : [],
  );
  const mates = wish.nodes.filter((other) => other.team !== '' && other.team === node.team);
  const product = wish.nodes.filter((other) => other.product === node.product);
  for (const near of [
    neighbours,
    mates.map((mate) => mate.id),
    product.map((other) => other.id),
    wish.nodes.map((other) => other.id),
  ]) {
    const points = near.flatMap((id) => positions[id] ?? []);
    if (points.length > 0) return mean(points);
  }
  return { x: 0, y: 0 };
}

/** The closest ring around the anchor with a free spot; on it, the spot that the fewest lines pass. */
function freeSpot(anchor: Point, positions: Positions, links: readonly LayoutLink[]): Point {
  const taken = Object.values(positions);
  if (taken.length === 0) return anchor;
  const lines = links.flatMap(({ from, to }) => {
    const a = positions[from];
    const b = positions[to];
    return a === undefined || b === undefined ? [] : [{ a, b }];
  });
  const disturbed = (spot: Point) =>
    lines.filter(({ a, b }) => distanceToSegment(spot.x, spot.y, a.x, a.y, b.x, b.y) < 40).length;
  for (let ring = 0; ring < ringsMax; ring += 1) {
    const free = spotsOn(anchor, ring).filter((spot) => taken.every((point) => clear(spot, point)));
    const [best] = free
      .map((spot) => ({ spot, lines: disturbed(spot) }))
      .sort((a, b) => a.lines - b.lines);
    if (best !== undefined) return best.spot;
  }
  return { x: Math.max(...taken.map((point) => point.x)) + cell.width, y: anchor.y };
}

function spotsOn(anchor: Point, ring: number): readonly Point[] {
  if (ring === 0) return [anchor];
  const radius = (ring * cell.height) / 2;
  return Array.from({ length: spotsPerRing }, (_, index) => {
    const angle = (index / spotsPerRing) * 2 * Math.PI;
    return {
      x: Math.round(anchor.x + radius * 1.3 * Math.cos(angle)),
      y: Math.round(anchor.y + radius * Math.sin(angle)),
    };
  });
}

function clear(a: Point, b: Point): boolean {
  const dx = (a.x - b.x) / cell.width;
  return Math.hypot(dx, (a.y - b.y) / cell.height) >= 0.85;
}

function mean(points: readonly Point[]): Point {
  return {
    x: Math.round(points.reduce((sum, point) => sum + point.x, 0) / points.length),
    y: Math.round(points.reduce((sum, point) => sum + point.y, 0) / points.length),
  };
}
