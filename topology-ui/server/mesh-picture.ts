import type { ClickHouseClient } from '@clickhouse/client';
import { type Trace, trace } from '@dotline/collectors/traffic-queries';
import { edgeId } from '@dotline/model/edge';
import { egressServiceOf } from '@dotline/model/egress';
import { inStoreSpan } from '@dotline/platform-process/span';
import { type Explanation, explain } from '@dotline/policies/explain';
import type {
  EdgeDetail,
  EdgeView,
  GraphView,
  ObjectiveView,
  ServiceDetail,
  ServiceView,
  SidecarsView,
  StatusView,
  TeamView,
  TraceView,
  TrafficUpdate,
} from './api.js';
import { ApiError, notFound, unavailable } from './api-error.js';
import { readHistory } from './history-query.js';
import { graphView, statusView, teamViews, trafficUpdate } from './mesh-views.js';
import { readRecentRequests } from './recent-requests-query.js';
import { ShortCache } from './short-cache.js';
import { sidecarsView } from './sidecar-detail.js';
import type { StructureFeed } from './structure-feed.js';
import { edgeViews, type LiveStructure, objectiveViews, serviceViews } from './structure-view.js';
import { traceView } from './trace-view.js';
import type { TrafficFeed } from './traffic-feed.js';
import { operationTraffic, trafficViews } from './traffic-view.js';

/** Answers each question of the API from the feeds and, for details, from ClickHouse. */
export class MeshPicture {
  readonly #details = new ShortCache();

  constructor(
    private readonly structure: StructureFeed,
    private readonly traffic: TrafficFeed,
    private readonly clickhouse: ClickHouseClient,
    private readonly unavailableParts: () => StatusView['unavailable'],
  ) {}

  /** @throws ApiError 503 before there is anything to show */
  async graph(): Promise<GraphView> {
    await this.traffic.fresh();
    return this.lastGraph();
  }

  /** The same, of the figures at hand. @throws ApiError 503 before there is anything to show */
  lastGraph(): GraphView {
    const { current, problem } = this.traffic;
    return graphView(this.#live(), trafficViews(current), problem);
  }

  /** The figures at hand, also before the first revision. */
  lastTraffic(): TrafficUpdate {
    const { current, problem } = this.traffic;
    return trafficUpdate(this.structure.current, trafficViews(current), Date.now(), problem);
  }

  /** Looks at ClickHouse too, so that its absence is noticed while no page is open. */
  async status(): Promise<StatusView> {
    await this.traffic.fresh();
    return statusView(this.structure.current, this.unavailableParts());
  }

  async services(): Promise<ServiceView[]> {
    const traffic = trafficViews(await this.traffic.fresh());
    return serviceViews(this.#live(), traffic);
  }

  async edges(): Promise<EdgeView[]> {
    const traffic = trafficViews(await this.traffic.fresh());
    return edgeViews(this.#live(), traffic);
  }

  objectives(): ObjectiveView[] {
    return objectiveViews(this.#live());
  }

  /** All, or that of one instance. @throws ApiError 404 for an unknown one, 503 without PostgreSQL */
  sidecars(instance?: string): SidecarsView {
    const { current, problem } = this.structure;
    if (current === undefined) throw unavailable('PostgreSQL', problem);
    const view = sidecarsView(current, instance);
    if (instance !== undefined && view.sidecars.length === 0) {
      throw notFound(
        'sidecar',
        instance,
        current.instances.map((registered) => registered.instance.id),
      );
    }
    return view;
  }

  /** @throws ApiError 404 for an unknown name, 503 without ClickHouse */
  async service(name: string): Promise<ServiceDetail> {
    const live = this.#live();
    const traffic = trafficViews(await this.traffic.fresh());
    const services = serviceViews(live, traffic);
    const service = services.find((candidate) => candidate.name === name);
    if (service === undefined) throw notFound('service', name, serviceNames(live));
    const edges = edgeViews(live, traffic);
    return {
      service,
      owner: ownerOf(live, name),
      inbound: edges.filter((edge) => edge.callee === name),
      outbound: edges.filter((edge) => edge.caller === name),
      history: await this.#fromClickHouse(`service ${name}`, () =>
        readHistory(this.clickhouse, { callee: name }, Date.now()),
      ),
    };
  }

  /** @throws ApiError 404 for an unknown name or a missing edge, 503 without ClickHouse */
  async edge(caller: string, callee: string): Promise<EdgeDetail> {
    const live = this.#live();
    const fresh = await this.traffic.fresh();
    for (const name of [caller, callee]) {
      if (!serviceNames(live).includes(name)) throw notFound('service', name, serviceNames(live));
    }
    const edge = edgeViews(live, trafficViews(fresh)).find(
      (candidate) => candidate.id === edgeId(caller, callee),
    );
    if (edge === undefined) {
      const hint = `dotline explain ${caller} ${callee} names the rules that are missing`;
      throw new ApiError(404, `${caller} may not talk to ${callee}: there is no edge`, hint);
    }
    const [history, recent] = await this.#fromClickHouse(edge.id, () =>
      Promise.all([
        readHistory(this.clickhouse, { caller, callee }, Date.now()),
        readRecentRequests(this.clickhouse, caller, callee),
      ]),
    );
    return {
      edge,
      callerOwner: ownerOf(live, caller),
      calleeOwner: ownerOf(live, callee),
      byOperation: fresh.operations
        .filter((traffic) => traffic.caller === caller && traffic.callee === callee)
        .map((traffic) => ({ operation: traffic.operation, traffic: operationTraffic(traffic) })),
      history,
      recent,
    };
  }

  /**
   * @param target a service, or a host outside of the mesh
   * @throws ApiError 404 for an unknown name
   */
  explain(from: string, target: string): Explanation {
    const live = this.#live();
    const { revision, relations } = live.live;
    const to = egressServiceOf(revision.mesh, target) ?? target;
    for (const name of [from, to]) {
      if (!serviceNames(live).includes(name)) throw notFound('service', name, serviceNames(live));
    }
    return explain(revision.mesh, relations, from, to, revision.requestPolicies);
  }

  /** @throws ApiError 400 for something that is no trace id, 404 for an unknown one, 503 without ClickHouse */
  async trace(traceId: string): Promise<TraceView> {
    if (!/^[0-9a-f]{32}$/.test(traceId)) {
      throw new ApiError(400, `${traceId} is no trace id`, 'a trace id has 32 hexadecimal digits');
    }
    const found: Trace = await this.#fromClickHouse(`trace ${traceId}`, () =>
      trace(this.clickhouse, traceId),
    );
    if (found.spans.length === 0 && found.requests.length === 0) {
      const hint = 'spans are kept for a week, and arrive some seconds after the request';
      throw new ApiError(404, `there is no trace ${traceId}`, hint);
    }
    return traceView(found);
  }

  #live(): LiveStructure {
    const { current, problem } = this.structure;
    if (current === undefined) throw unavailable('PostgreSQL', problem);
    const { live } = current;
    if (live !== undefined) return { ...current, live };
    const [first] = current.problems;
    const hint = first && `${first.file}:${first.line}: ${first.message}`;
    throw new ApiError(503, 'no revision is live yet', hint);
  }

  async #fromClickHouse<Value>(key: string, make: () => Promise<Value>): Promise<Value> {
    try {
      return await this.#details.get(key, () =>
        inStoreSpan('clickhouse', 'read details', make, { 'dotline.details': key }),
      );
    } catch (error) {
      throw unavailable('ClickHouse', error);
    }
  }
}

function serviceNames({ live }: LiveStructure): string[] {
  return live.revision.mesh.services.map(({ name }) => name);
}

function ownerOf(structure: LiveStructure, service: string): TeamView {
  const { mesh } = structure.live.revision;
  const team = mesh.services.find(({ name }) => name === service)?.team ?? '';
  return (
    teamViews(structure).find(({ name }) => name === team) ?? {
      name: team,
      colour: '#808080',
      contact: mesh.contact,
    }
  );
}
