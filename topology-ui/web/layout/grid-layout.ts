import { callRanks } from './call-ranks.js';
import { bandPitch, gridBands, type Slot } from './grid-bands.js';
import type { LayoutWish, Positions } from './layout-wish.js';
import { PlacementCost } from './placement-cost.js';
import { seededRandom } from './seeded-random.js';

/** Above this many nodes the search takes too long to be worth its order. */
export const gridLayoutNodesMax = 80;

/** Segment comparisons that the whole search may make: about two seconds. */
const comparisonsMax = 120_000_000;
const movesMax = 20_000;
/** Searches from different random numbers; the best arrangement of all is taken. */
const attempts = 3;

/**
 * Small meshes: every dot gets a cell of a staggered grid, callers left of their callees, each
 * product in a band of its own. Simulated annealing over the cells finds the arrangement with the
 * fewest crossings and with no line through a foreign dot. The same wish gives the same layout.
 */
export function gridLayout(wish: LayoutWish): Positions {
  const nodes = [...wish.nodes].sort((a, b) => (a.id < b.id ? -1 : 1));
  const { slots, columns } = gridBands(nodes, wish.aspect);
  const start = firstPlaces(nodes, wish, slots, columns);
  let best = { slotOf: start, cost: Number.POSITIVE_INFINITY };
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const slotOf = start.slice();
    const placement = new PlacementCost(nodes, wish.links, slots, slotOf);
    anneal(placement, slots, slotOf, attempt);
    const cost = placement.of(nodes.map((_, index) => index));
    if (cost < best.cost) best = { slotOf, cost };
  }
  return withoutEmptyRows(nodes, (index) => slots[best.slotOf[index] ?? 0]);
}

/** Positions with the rows closed up that no dot of a product took at the rim of its band. */
function withoutEmptyRows(
  nodes: LayoutWish['nodes'],
  slotOf: (index: number) => Slot | undefined,
): Positions {
  const bands = new Map<string, { top: number; bottom: number }>();
  for (const [index, node] of nodes.entries()) {
    const y = slotOf(index)?.y ?? 0;
    const band = bands.get(node.product);
    bands.set(node.product, {
      top: Math.min(band?.top ?? y, y),
      bottom: Math.max(band?.bottom ?? y, y),
    });
  }
  const shifts = new Map<string, number>();
  let next = 0;
  for (const [product, { top, bottom }] of [...bands].sort(([, a], [, b]) => a.top - b.top)) {
    shifts.set(product, next - top);
    next += bottom - top + bandPitch;
  }
  return Object.fromEntries(
    nodes.map((node, index) => {
      const slot = slotOf(index);
      return [node.id, { x: slot?.x ?? 0, y: (slot?.y ?? 0) + (shifts.get(node.product) ?? 0) }];
    }),
  );
}

/** Starts with each node in the column of its call rank, in its product's band. */
function firstPlaces(
  nodes: LayoutWish['nodes'],
  wish: LayoutWish,
  slots: readonly Slot[],
  columns: number,
): Int32Array {
  const ranks = callRanks(nodes, wish.links);
  const deepest = Math.max(1, ...ranks.values());
  const occupant = new Int32Array(slots.length).fill(-1);
  const slotOf = new Int32Array(nodes.length);
  for (const [index, node] of nodes.entries()) {
    const column = Math.round(((ranks.get(node.id) ?? 0) / deepest) * (columns - 1));
    let best = -1;
    let bestMiss = Number.POSITIVE_INFINITY;
    for (const [at, slot] of slots.entries()) {
      if (slot.product !== node.product || occupant[at] !== -1) continue;
      const miss = Math.abs(slot.column - column) + at / 10_000;
      if (miss < bestMiss) [best, bestMiss] = [at, miss];
    }
    slotOf[index] = best;
    occupant[best] = index;
  }
  return slotOf;
}

function anneal(
  cost: PlacementCost,
  slots: readonly Slot[],
  slotOf: Int32Array,
  seed: number,
): void {
  const random = seededRandom(seed);
  const occupant = new Int32Array(slots.length).fill(-1);
  for (const [node, slot] of slotOf.entries()) occupant[slot] = node;
  const moves = Math.min(movesMax, Math.floor(comparisonsMax / attempts / cost.comparisonsPerMove));
  const pick = (count: number) => Math.floor(random() * count);
  for (let move = 0; move < moves; move += 1) {
    const temperature = 2.5 * (1 - move / moves) ** 2;
    const node = pick(slotOf.length);
    const from = slotOf[node] ?? 0;
    const to = pick(slots.length);
    const other = occupant[to] ?? -1;
    if (to === from || slots[to]?.product !== slots[from]?.product) continue;
    const moved = other === -1 ? [node] : [node, other];
    const before = cost.of(moved);
    slotOf[node] = to;
    if (other !== -1) slotOf[other] = from;
    const worse = cost.of(moved) - before;
    if (worse <= 0 || random() < Math.exp(-worse / Math.max(temperature, 1e-6))) {
      occupant[to] = node;
      occupant[from] = other;
    } else {
      slotOf[node] = from;
      if (other !== -1) slotOf[other] = to;
    }
  }
}
