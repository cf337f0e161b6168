import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { exampleGraph } from '../test-support/example-mesh.js';
import { arrange } from './arrange.js';
import { callRanks } from './call-ranks.js';
import { gridLayoutNodesMax } from './grid-layout.js';
import type { LayoutWish, Positions } from './layout-wish.js';
import { distanceToSegment, segmentsCross } from './segments.js';
import { shelfPack } from './shelf-pack.js';

function exampleWish(aspect: number): LayoutWish {
  const graph = exampleGraph();
  return {
    nodes: graph.services.map(({ name, product, team }) => ({ id: name, product, team })),
    links: graph.edges.map(({ caller, callee }) => ({ from: caller, to: callee })),
    aspect,
  };
}

function generatedWish(nodes: number, links: number): LayoutWish {
  return {
    nodes: Array.from({ length: nodes }, (_, index) => ({
      id: `s${index}`,
      product: `p${index % 4}`,
      team: `t${index % 40}`,
    })),
    links: Array.from({ length: links }, (_, index) => ({
      from: `s${(index * 7_919) % nodes}`,
      to: `s${(index * 104_729 + 13) % nodes}`,
    })),
    aspect: 1.6,
  };
}

function closest(positions: Positions): number {
  const points = Object.values(positions);
  let least = Number.POSITIVE_INFINITY;
  for (const [index, a] of points.entries()) {
    for (const b of points.slice(index + 1))
      least = Math.min(least, Math.hypot(a.x - b.x, a.y - b.y));
  }
  return least;
}

function throughDots({ nodes, links }: LayoutWish, positions: Positions): number {
  return links.flatMap(({ from, to }) =>
    nodes.filter(({ id }) => {
      const [a, b, dot] = [positions[from], positions[to], positions[id]];
      if (id === from || id === to || !a || !b || !dot) return false;
      return distanceToSegment(dot.x, dot.y, a.x, a.y, b.x, b.y) < 28;
    }),
  ).length;
}

describe('arranging a small mesh', () => {
  const arranged = new Map(
    [1.6, 0.6].map((aspect) => [aspect, arrange(exampleWish(aspect))] as const),
  );

  it.each([1.6, 0.6])('keeps dots apart and lines off foreign dots (aspect %p)', (aspect) => {
    const wish = exampleWish(aspect);
    const positions = arranged.get(aspect) ?? {};
    expect(Object.keys(positions).sort()).toEqual(wish.nodes.map(({ id }) => id).sort());
    expect(closest(positions)).toBeGreaterThan(95);
    expect(throughDots(wish, positions)).toBe(0);
  });

  it('keeps each product in a band of its own', () => {
    const wish = exampleWish(1.6);
    const positions = arranged.get(1.6) ?? {};
    const rows = (product: string) =>
      wish.nodes.filter((node) => node.product === product).map(({ id }) => positions[id]?.y ?? 0);
    expect(Math.max(...rows('uber'))).toBeLessThan(Math.min(...rows('whatsapp')) - 100);
  });

  it('gives the same wish the same layout', () => {
    expect(arrange(generatedWish(6, 8))).toEqual(arrange(generatedWish(6, 8)));
  });

  it.each([0, 1, 2])('arranges %p nodes', (count) => {
    expect(Object.keys(arrange(generatedWish(count, 0))).length).toBe(count);
  });
});

describe('arranging a large mesh', () => {
  it('keeps dots apart', () => {
    const wish = generatedWish(300, 900);
    expect(wish.nodes.length).toBeGreaterThan(gridLayoutNodesMax);
    const positions = arrange(wish);
    expect(Object.keys(positions).length).toBe(300);
    expect(closest(positions)).toBeGreaterThan(45);
  });
});

describe('call ranks', () => {
  const nodes = ['a', 'b', 'c', 'd'].map((id) => ({ id, product: 'p', team: 't' }));

  it('count the longest chain of calls', () => {
    const links = [
      { from: 'a', to: 'b' },
      { from: 'b', to: 'c' },
      { from: 'a', to: 'c' },
    ];
    expect([...callRanks(nodes, links)].sort()).toEqual([
      ['a', 0],
      ['b', 1],
      ['c', 2],
      ['d', 0],
    ]);
  });

  it('break cycles and stay below the number of nodes', () => {
    const id = fc.constantFrom('a', 'b', 'c', 'd');
    fc.assert(
      fc.property(fc.array(fc.record({ from: id, to: id })), (links) => {
        for (const rank of callRanks(nodes, links).values())
          expect(rank).toBeLessThan(nodes.length);
      }),
    );
  });
});

describe('geometry', () => {
  it('tells crossing from touching', () => {
    expect(segmentsCross(0, 0, 10, 10, 0, 10, 10, 0)).toBe(true);
    expect(segmentsCross(0, 0, 10, 0, 0, 5, 10, 5)).toBe(false);
    expect(segmentsCross(0, 0, 10, 0, 10, 0, 10, 10)).toBe(false);
  });

  it('measures to the end of a segment, not to its line', () => {
    expect(distanceToSegment(5, 3, 0, 0, 10, 0)).toBe(3);
    expect(distanceToSegment(14, 3, 0, 0, 10, 0)).toBe(5);
    expect(distanceToSegment(3, 4, 0, 0, 0, 0)).toBe(5);
  });
});

describe('packing boxes on shelves', () => {
  const side = fc.integer({ min: 1, max: 400 });

  it('never lets boxes overlap', () => {
    const boxes = fc.array(fc.record({ width: side, height: side }), { maxLength: 12 });
    fc.assert(
      fc.property(boxes, (sizes) => {
        const corners = shelfPack(sizes, 1.6);
        const placed = sizes.map((size, index) => ({
          ...size,
          ...(corners[index] ?? { x: 0, y: 0 }),
        }));
        for (const [index, a] of placed.entries()) {
          for (const b of placed.slice(index + 1)) {
            const apart =
              a.x + a.width <= b.x ||
              b.x + b.width <= a.x ||
              a.y + a.height <= b.y ||
              b.y + b.height <= a.y;
            expect(apart).toBe(true);
          }
        }
      }),
    );
  });
});
