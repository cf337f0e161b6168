import type { Denial, EdgeTraffic } from '@dotline/collectors/traffic-queries';
import { edgeId } from '@dotline/model/edge';
import type { DenialView, TrafficView } from './api.js';
import type { Latencies } from './latency-query.js';
import type { LiveTraffic } from './live-traffic.js';

/** Nothing happened. */
export const NO_TRAFFIC: TrafficView = {
  requestsPerSecond: 0,
  errorRate: 0,
  deniedPerSecond: 0,
  p50Ms: null,
  p95Ms: null,
  p99Ms: null,
};

/** Live figures by what they are about. What had no traffic has no entry. */
export interface TrafficViews {
  /** By receiving service. */
  readonly services: ReadonlyMap<string, TrafficView>;
  /** By edge id. */
  readonly edges: ReadonlyMap<string, TrafficView>;
  readonly denials: readonly DenialView[];
}

/** Puts the figures of operations together to those of edges and services. */
export function trafficViews({ operations, latencies, denials }: LiveTraffic): TrafficViews {
  const services = new Map<string, EdgeTraffic[]>();
  const edges = new Map<string, EdgeTraffic[]>();
  for (const traffic of operations) {
    push(services, traffic.callee, traffic);
    push(edges, edgeId(traffic.caller, traffic.callee), traffic);
  }
  const latencyOf = new Map(
    latencies.map((row) => [row.caller === '' ? row.callee : edgeId(row.caller, row.callee), row]),
  );
  const views = (groups: Map<string, EdgeTraffic[]>) =>
    new Map([...groups].map(([key, parts]) => [key, trafficView(parts, latencyOf.get(key))]));
  return { services: views(services), edges: views(edges), denials: denials.map(denialView) };
}

/** Figures of one operation of an edge. */
export function operationTraffic(traffic: EdgeTraffic): TrafficView {
  return trafficView([traffic], {
    p50Ms: traffic.p50Us / 1000,
    p95Ms: traffic.p95Us / 1000,
    p99Ms: traffic.p99Us / 1000,
  });
}

function trafficView(parts: readonly EdgeTraffic[], latencies: Latencies | undefined): TrafficView {
  const sum = (figure: (part: EdgeTraffic) => number) =>
    parts.reduce((total, part) => total + figure(part), 0);
  const deniedPerSecond = sum((part) => part.deniedPerSecond);
  // The query counts denied attempts among the requests.
  const requestsPerSecond = Math.max(0, sum((part) => part.requestsPerSecond) - deniedPerSecond);
  const errorsPerSecond = sum((part) => part.errorsPerSecond);
  return {
    requestsPerSecond,
    errorRate: requestsPerSecond > 0 ? errorsPerSecond / requestsPerSecond : 0,
    deniedPerSecond,
    p50Ms: latencies?.p50Ms ?? null,
    p95Ms: latencies?.p95Ms ?? null,
    p99Ms: latencies?.p99Ms ?? null,
  };
}

function denialView(denial: Denial): DenialView {
  return {
    caller: denial.caller,
    callee: denial.callee,
    method: denial.method,
    path: denial.path,
    count: denial.count,
    lastAtMs: denial.lastMs,
    refusedBy: denial.reporter === 'source' ? 'caller' : 'callee',
  };
}

function push<Item>(groups: Map<string, Item[]>, key: string, item: Item): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [item]);
  else group.push(item);
}
