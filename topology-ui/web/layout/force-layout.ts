import {
  forceCollide,
  forceLink,
  forceManyBody,
  forceSimulation,
  forceX,
  forceY,
  type SimulationLinkDatum,
  type SimulationNodeDatum,
} from 'd3-force';
import type { LayoutLink, LayoutNode, LayoutWish, Point, Positions } from './layout-wish.js';
import { shelfPack } from './shelf-pack.js';

interface Body extends SimulationNodeDatum {
  readonly id: string;
  readonly team: string;
}

interface Spring extends SimulationLinkDatum<Body> {
  readonly tie: 'call' | 'team';
}

const dotRoom = 40;
const productMargin = 120;

/**
 * Large meshes: a force simulation for each product, teams held together by springs of their own,
 * products then packed as boxes. Deterministic; 1,500 nodes take a few seconds, hence the worker.
 */
export function forceLayout(wish: LayoutWish): Positions {
  const byProduct = new Map<string, LayoutNode[]>();
  for (const node of [...wish.nodes].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    byProduct.set(node.product, [...(byProduct.get(node.product) ?? []), node]);
  }
  const boxes = [...byProduct.values()].map((nodes) => boxed(simulate(nodes, wish.links)));
  const corners = shelfPack(
    boxes.map(({ width, height }) => ({
      width: width + productMargin,
      height: height + productMargin,
    })),
    wish.aspect,
  );
  const positions: Record<string, Point> = {};
  for (const [index, box] of boxes.entries()) {
    const corner = corners[index] ?? { x: 0, y: 0 };
    for (const [id, point] of box.points) {
      positions[id] = { x: Math.round(corner.x + point.x), y: Math.round(corner.y + point.y) };
    }
  }
  return positions;
}

function simulate(
  nodes: readonly LayoutNode[],
  links: readonly LayoutLink[],
): readonly (readonly [string, Point])[] {
  const bodies: Body[] = nodes.map(({ id, team }) => ({ id, team }));
  const known = new Set(nodes.map((node) => node.id));
  const calls = links.filter(({ from, to }) => known.has(from) && known.has(to) && from !== to);
  const springs: Spring[] = [
    ...calls.map(({ from, to }): Spring => ({ source: from, target: to, tie: 'call' })),
    ...teamSprings(nodes),
  ];
  const many = nodes.length > 400;
  const simulation = forceSimulation(bodies)
    .force(
      'springs',
      forceLink<Body, Spring>(springs)
        .id((body) => body.id)
        .distance((spring) => (spring.tie === 'team' ? 70 : 130))
        .strength((spring) => (spring.tie === 'team' ? 0.7 : many ? 0.02 : 0.06)),
    )
    .force('apart', forceManyBody<Body>().strength(-260).theta(1.1).distanceMax(900))
    .force('room', forceCollide<Body>(dotRoom).iterations(many ? 1 : 2))
    .force('x', forceX<Body>(0).strength(0.03))
    .force('y', forceY<Body>(0).strength(0.045))
    .stop();
  simulation.alphaDecay(1 - 0.001 ** (1 / (many ? 160 : 300)));
  simulation.tick(many ? 160 : 300);
  return bodies.map((body) => [body.id, { x: body.x ?? 0, y: body.y ?? 0 }]);
}

/** Ties each member of a team to the team's first, so that a team is one cluster. */
function teamSprings(nodes: readonly LayoutNode[]): readonly Spring[] {
  const firsts = new Map<string, string>();
  const springs: Spring[] = [];
  for (const { id, team } of nodes) {
    const first = firsts.get(team);
    if (first === undefined) firsts.set(team, id);
    else springs.push({ source: first, target: id, tie: 'team' });
  }
  return springs;
}

function boxed(points: readonly (readonly [string, Point])[]) {
  const left = Math.min(...points.map(([, point]) => point.x));
  const top = Math.min(...points.map(([, point]) => point.y));
  const moved = points.map(([id, point]) => [id, { x: point.x - left, y: point.y - top }] as const);
  return {
    points: moved,
    width: Math.max(...moved.map(([, point]) => point.x)),
    height: Math.max(...moved.map(([, point]) => point.y)),
  };
}
