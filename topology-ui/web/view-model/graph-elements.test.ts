import type { GraphView, TrafficUpdate } from '@dotline/topology-ui/api';
import { describe, expect, it } from '@jest/globals';
import { exampleGraph, traffic } from '../test-support/example-mesh.js';
import {
  dotSize,
  dotSizeMax,
  dotSizeMin,
  graphElements,
  groupDenials,
  lineWidth,
} from './graph-elements.js';

const graph = exampleGraph();
const quiet: TrafficUpdate = {
  atMs: 1,
  services: {},
  edges: {},
  denials: [],
  trafficProblem: null,
};

function lineOf(view: GraphView, update: TrafficUpdate | null, id: string) {
  return graphElements(view, update, 'light').lines.find((line) => line.id === id);
}

describe('graph elements', () => {
  it('draw a dot for each service and a line for each edge, sorted', () => {
    const { dots, lines } = graphElements(graph, quiet, 'light');
    expect(dots.map((dot) => dot.id)).toEqual(graph.services.map(({ name }) => name).sort());
    expect(lines.map((line) => line.id)).toEqual(graph.edges.map(({ id }) => id).sort());
  });

  it("colour a line by its caller's team", () => {
    const { dots } = graphElements(graph, null, 'light');
    const orders = dots.find((dot) => dot.id === 'orders');
    expect(lineOf(graph, null, 'orders->fare')?.colour).toBe(orders?.colour);
  });

  it.each([
    [0, 0, 'idle'],
    [10, 0, 'busy'],
    [10, 0.009, 'busy'],
    [10, 0.01, 'failing'],
    [0, 1, 'idle'],
  ] as const)('with %p requests/s and a share of %p failed a line is %p', (rate, failed, state) => {
    const update = { ...quiet, edges: { 'orders->fare': traffic(rate, failed) } };
    expect(lineOf(graph, update, 'orders->fare')?.state).toBe(state);
  });

  it('take figures from the update, and from the graph what the update does not name', () => {
    const update = { ...quiet, edges: { 'orders->fare': traffic(77, 0) } };
    expect(lineOf(graph, update, 'orders->fare')?.traffic.requestsPerSecond).toBe(77);
    expect(lineOf(graph, update, 'fare->maps')?.traffic.requestsPerSecond).toBe(48);
  });

  it('draw denied attempts as one line for each pair, where an edge exists and where none does', () => {
    const attempt = {
      method: 'GET',
      path: '/x',
      count: 2,
      lastAtMs: 1,
      refusedBy: 'caller',
    } as const;
    const denials = [
      { ...attempt, caller: 'orders', callee: 'fare' },
      { ...attempt, caller: 'orders', callee: 'fare', path: '/y', count: 5 },
      { ...attempt, caller: 'fare', callee: 'payments' },
    ];
    const { lines } = graphElements(graph, { ...quiet, denials }, 'light');
    const denied = lines.filter((line) => line.kind === 'denied');
    expect(denied.map((line) => [line.id, line.deniedCount])).toEqual([
      ['denied:fare->payments', 2],
      ['denied:orders->fare', 7],
    ]);
    expect(groupDenials(denials)[0]?.attempts.map(({ path }) => path)).toEqual(['/y', '/x']);
  });

  it('draw names outside the catalog as unknown dots, but only so many', () => {
    const denials = Array.from({ length: 60 }, (_, index) => ({
      caller: 'orders',
      callee: `stranger-${index}`,
      method: 'GET',
      path: '/',
      count: 1,
      lastAtMs: 1,
      refusedBy: 'caller' as const,
    }));
    const { dots, lines } = graphElements(graph, { ...quiet, denials }, 'light');
    const unknown = dots.filter((dot) => dot.health === 'unknown');
    expect(unknown.length).toBe(24);
    expect(lines.filter((line) => line.kind === 'denied').length).toBe(24);
  });

  it('show the worst alert and the ready instances of a service', () => {
    const dot = graphElements(graph, null, 'light').dots.find(({ id }) => id === 'payments');
    expect(dot).toMatchObject({ alert: 'page', health: 'degraded', instances: 2, ready: 1 });
  });

  it('bound sizes and widths, which grow with the rate', () => {
    expect([dotSize(0), dotSize(1e9)]).toEqual([dotSizeMin, dotSizeMax]);
    const widths = [0, 1, 10, 100, 1_000, 1e9].map(lineWidth);
    expect(widths).toEqual([...widths].sort((a, b) => a - b));
    expect([widths[0], widths.at(-1)]).toEqual([1, 8]);
  });
});
