import { cell, type LayoutLink, type LayoutNode, type Point } from './layout-wish.js';
import { distanceToSegment, segmentsCross } from './segments.js';

const { hypot, max, min } = Math;

const weights = {
  crossing: 1.1,
  /** A line through a foreign dot tells a lie. */
  overDot: 8,
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
  private readonly slotX: Float64Array;
  private readonly slotY: Float64Array;
  private readonly from: Int32Array;
  private readonly to: Int32Array;
  private readonly linksOf: number[][];
  private readonly teammatesOf: number[][];

  constructor(
    nodes: readonly LayoutNode[],
    links: readonly LayoutLink[],
    slots: readonly Point[],
    private readonly slotOf: Int32Array,
  ) {
    this.slotX = Float64Array.from(slots, (slot) => slot.x);
    this.slotY = Float64Array.from(slots, (slot) => slot.y);
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
    const nodes = max(1, this.linksOf.length);
    const links = max(1, this.from.length);
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
    const [ax, ay, bx, by] = [this.x(a), this.y(a), this.x(b), this.y(b)];
    const reach = hypot((bx - ax) / cell.width, (by - ay) / cell.height);
    let cost = weights.length * reach ** 1.4 + (bx < ax ? weights.backwards : 0);
    for (let other = 0; other < this.from.length; other += 1) {
      if (other === link || (other < link && counted.has(other))) continue;
      const c = this.from[other] ?? 0;
      const d = this.to[other] ?? 0;
      if (a === c || a === d || b === c || b === d) continue;
      if (segmentsCross(ax, ay, bx, by, this.x(c), this.y(c), this.x(d), this.y(d))) {
        cost += weights.crossing;
      }
    }
    for (let node = 0; node < this.slotOf.length; node += 1) {
      if (node !== a && node !== b) cost += overNode(this.x(node), this.y(node), ax, ay, bx, by);
    }
    return cost;
  }

  /** Lines that touch no moved node and pass over this one. */
  private underLines(node: number, own: ReadonlySet<number>): number {
    const [x, y] = [this.x(node), this.y(node)];
    let cost = 0;
    for (let link = 0; link < this.from.length; link += 1) {
      if (own.has(link)) continue;
      const a = this.from[link] ?? 0;
      const b = this.to[link] ?? 0;
      cost += overNode(x, y, this.x(a), this.y(a), this.x(b), this.y(b));
    }
    return cost;
  }

  private teamCost(node: number): number {
    let cost = 0;
    for (const mate of this.teammatesOf[node] ?? []) {
      const dx = (this.x(node) - this.x(mate)) / cell.width;
      cost += weights.teamDistance * hypot(dx, (this.y(node) - this.y(mate)) / cell.height);
    }
    return cost;
  }

  private x(node: number): number {
    return this.slotX[this.slotOf[node] ?? 0] ?? 0;
  }

  private y(node: number): number {
    return this.slotY[this.slotOf[node] ?? 0] ?? 0;
  }
}

function overNode(x: number, y: number, ax: number, ay: number, bx: number, by: number): number {
  const far = labelBelow + labelClearance;
  if (x + far < min(ax, bx) || x - far > max(ax, bx)) return 0;
  if (y + far < min(ay, by) || y - far > max(ay, by)) return 0;
  const cost = distanceToSegment(x, y, ax, ay, bx, by) < dotClearance ? weights.overDot : 0;
  const label = distanceToSegment(x, y + labelBelow, ax, ay, bx, by);
  return label < labelClearance ? cost + weights.overLabel : cost;
}
