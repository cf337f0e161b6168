import type {
  EdgeDetail,
  EdgeView,
  GraphView,
  HistoryPoint,
  ServiceDetail,
  TeamView,
  TraceView,
} from '@dotline/topology-ui/api';

/** What the page server would answer about one service, edge or trace of the generated mesh. */

export const exampleTraceId = '4bf92f3577b34da6a3ce929d0e0e4736';

export function exampleServiceDetail(graph: GraphView, name: string): ServiceDetail | undefined {
  const service = graph.services.find((candidate) => candidate.name === name);
  if (service === undefined) return undefined;
  return {
    service,
    owner: ownerOf(graph, service.team),
    inbound: graph.edges.filter((edge) => edge.callee === name),
    outbound: graph.edges.filter((edge) => edge.caller === name),
    history: exampleHistory(service.traffic.requestsPerSecond, service.traffic.errorRate),
  };
}

export function exampleEdgeDetail(graph: GraphView, edge: EdgeView): EdgeDetail {
  const teamOf = (name: string) =>
    graph.services.find((service) => service.name === name)?.team ?? '';
  const rate = edge.traffic.requestsPerSecond / edge.operations.length;
  return {
    edge,
    callerOwner: ownerOf(graph, teamOf(edge.caller)),
    calleeOwner: ownerOf(graph, teamOf(edge.callee)),
    byOperation: edge.operations.map(({ operation }) => ({
      operation,
      traffic: { ...edge.traffic, requestsPerSecond: rate },
    })),
    history: exampleHistory(edge.traffic.requestsPerSecond, edge.traffic.errorRate),
    recent: Array.from({ length: 12 }, (_, index) => ({
      atMs: Date.now() - index * 730,
      operation: edge.operations[index % edge.operations.length]?.operation ?? '',
      method: index % 3 === 1 ? 'POST' : 'GET',
      path: `/v1/${edge.operations[0]?.operation.split('.')[1] ?? 'x'}/${8_800 + index}`,
      status: edge.traffic.errorRate > 0.1 && index % 5 === 2 ? 503 : 200,
      durationMs: 6 + ((index * 37) % 90),
      responseFlags: edge.traffic.errorRate > 0.1 && index % 5 === 2 ? 'UF' : '-',
      traceId: exampleTraceId,
    })),
  };
}

/** Half an hour, a point each 10 s. */
function exampleHistory(rate: number, errorRate: number): readonly HistoryPoint[] {
  const now = Math.floor(Date.now() / 10_000) * 10_000;
  return Array.from({ length: 180 }, (_, index) => {
    const wave = 1 + 0.22 * Math.sin(index / 14) + 0.08 * Math.sin(index * 1.7);
    const troubled = index > 132;
    const base = 9 * (1 + 0.2 * Math.sin(index / 9)) + (troubled ? errorRate * 160 : 0);
    return {
      atMs: now - (179 - index) * 10_000,
      requestsPerSecond: rate * wave,
      errorRate: troubled ? errorRate * (0.7 + 0.4 * Math.sin(index)) : 0,
      deniedPerSecond: 0,
      p50Ms: rate === 0 ? null : base,
      p99Ms: rate === 0 ? null : base * (3.4 + Math.sin(index * 2.1)),
    };
  });
}

export function exampleTrace(): TraceView {
  const start = Date.now() - 4_000;
  const rows: readonly (readonly [string, string, string, string, number, number, boolean])[] = [
    ['a', '', 'orders.create', 'rider-app', 0, 86, false],
    ['b', 'a', 'orders.create', 'orders', 2, 82, false],
    ['c', 'b', 'fare.get-estimate', 'orders', 5, 14, false],
    ['d', 'c', 'fare.get-estimate', 'fare', 6, 12, false],
    ['e', 'd', 'surge.multiplier', 'surge', 8, 5, false],
    ['f', 'b', 'payments.authorize', 'orders', 22, 41, true],
    ['g', 'f', 'payments.authorize', 'payments', 23, 39, true],
    ['h', 'b', 'dispatch.request', 'orders', 65, 17, false],
    ['i', 'h', 'driver-location.nearby', 'dispatch', 68, 9, false],
  ];
  return {
    traceId: exampleTraceId,
    spans: rows.map(([spanId, parentSpanId, name, service, offset, durationMs, failed]) => ({
      spanId,
      parentSpanId,
      name,
      service,
      kind: 'server',
      startMs: start + offset,
      durationMs,
      failed,
    })),
  };
}

function ownerOf(graph: GraphView, team: string): TeamView {
  const found = graph.teams.find((candidate) => candidate.name === team);
  return found ?? { name: team, colour: '#888888', contact: '' };
}
