import { cell, type LayoutLink, type LayoutNode, type Point } from './layout-wish.js';
import { distanceToSegment, segmentsCross } from './segments.js';

const weights = {
  crossing: 1.1,
  /** A line through a foreign dot tells a lie. */
  overDot: 4,
  overLabel: 0.5,
  length: 0.42,
  backwards: 1.5,
  teamDistance: 0.3,
} as const;

const dotClearance = 34;
const labelClearance = 18;
const labelBelow = 44;

/** What an arrangement costs in legibility, summed only over what a moved node touches. */
export class PlacementCost {
  private readonly from: Int32Array;
  private readonly to: Int32Array;
  private readonly linksOf: number[][];
  private readonly teammatesOf: number[][];

  constructor(
    nodes: readonly LayoutNode[],
    links: readonly LayoutLink[],
    private readonly slots: readonly Point[],
    private readonly slotOf: Int32Array,
  ) {
    const indexOf = new Map(nodes.map((node, index) => [node.id, index]));
    const pairs = links.flatMap(({ from, to }) => {
      const a = indexOf.get(from);
      const b = indexOf.get(to);
      return a === undefined || b === undefined || a === b ? [] : [[a, b] as const];
    });
    this.from = Int32Array.from(pairs, ([a]) => a);
    this.to = Int32Array.from(pairs, ([, b]) => b);
    this.linksOf = nodes.map(() => []);
    for (const [link, [a, b]] of pairs.entries()) {
      this.linksOf[a]?.push(link);
      this.linksOf[b]?.push(link);
    }
    this.teammatesOf = nodes.map((node, index) =>
      nodes.flatMap((other, at) => (at !== index && other.team === node.team ? [at] : [])),
    );
  }

  /** Rough number of segment comparisons that judging one move takes. */
  get comparisonsPerMove(): number {
    const nodes = Math.max(1, this.linksOf.length);
    const links = Math.max(1, this.from.length);
    return 4 * ((2 * links) / nodes) * (links + nodes) + 4 * links;
  }

  /** Cost of everything that involves one of the nodes. */
  of(moved: readonly number[]): number {
    let cost = 0;
    const links = new Set(moved.flatMap((node) => this.linksOf[node] ?? []));
    for (const node of moved) cost += this.teamCost(node) + this.underLines(node, links);
    for (const link of links) cost += this.linkCost(link, links);
    return cost;
  }

  private linkCost(link: number, counted: ReadonlySet<number>): number {
    const a = this.from[link] ?? 0;
    const b = this.to[link] ?? 0;
    const start = this.at(a);
    const end = this.at(b);
    const dx = end.x - start.x;
    const reach = Math.hypot(dx / cell.width, (end.y - start.y) / cell.height);
    let cost = weights.length * reach ** 1.4 + (dx < 0 ? weights.backwards : 0);
    for (let other = 0; other < this.from.length; other += 1) {
      if (other === link || (counted.has(other) && other < link)) continue;
      const c = this.from[other] ?? 0;
      const d = this.to[other] ?? 0;
      if (a === c || a === d || b === c || b === d) continue;
      const p = this.at(c);
      const q = this.at(d);
      if (segmentsCross(start.x, start.y, end.x, end.y, p.x, p.y, q.x, q.y))
        cost += weights.crossing;
    }
    for (let node = 0; node < this.slotOf.length; node += 1) {
      if (node !== a && node !== b) cost += overNode(this.at(node), start, end);
    }
    return cost;
  }

  /** Lines that touch no moved node and pass over this one. */
  private underLines(node: number, own: ReadonlySet<number>): number {
    let cost = 0;
    const point = this.at(node);
    for (let link = 0; link < this.from.length; link += 1) {
      if (own.has(link)) continue;
      cost += overNode(point, this.at(this.from[link] ?? 0), this.at(this.to[link] ?? 0));
    }
    return cost;
  }

  private teamCost(node: number): number {
    const point = this.at(node);
    let cost = 0;
    for (const mate of this.teammatesOf[node] ?? []) {
      const other = this.at(mate);
      const dx = (point.x - other.x) / cell.width;
      cost += weights.teamDistance * Math.hypot(dx, (point.y - other.y) / cell.height);
    }
    return cost;
  }

  private at(node: number): Point {
    return this.slots[this.slotOf[node] ?? 0] ?? { x: 0, y: 0 };
  }
}

function overNode(node: Point, a: Point, b: Point): number {
  const cost =
    distanceToSegment(node.x, node.y, a.x, a.y, b.x, b.y) < dotClearance ? weights.overDot : 0;
  const label = distanceToSegment(node.x, node.y + labelBelow, a.x, a.y, b.x, b.y);
  return label < labelClearance ? cost + weights.overLabel : cost;
}
