import type { ConfigSource } from '../gen/envoy/config/core/v3/config_source_pb.js';
import type { TypedResource } from '../resource.js';
import { cluster, endpoints, listener, rbac, routes } from './hello-resources.js';
import type { Random } from './random.js';

const names = (prefix: string) => Array.from({ length: 6 }, (_, index) => `${prefix}${index}`);
const clusterNames = names('c');
const routeNames = names('r');
const filterNames = names('f');
const listenerNames = names('l');

interface ModelListener {
  readonly path: string;
  readonly routes: string;
  readonly rbac?: string;
}

/** Backends by which endpoints can be told apart: name and port. */
export type Backends = readonly { readonly name: string; readonly port: number }[];

/**
 * What a node should have: listeners, the routes and filters that they refer to, clusters and their
 * endpoints, changed at random but always so that Envoy can take it. Routes may point to clusters
 * that do not exist.
 */
export class MeshModel {
  readonly #clusters = new Map<string, number>();
  /** Index of the backend; -1 for no endpoints. */
  readonly #endpoints = new Map<string, number>();
  readonly #routes = new Map<string, { readonly cluster: string; readonly mark: string }>();
  readonly #filters = new Map<string, boolean>();
  readonly #listeners = new Map<string, ModelListener>();
  #count = 0;

  constructor(
    private readonly random: Random,
    private readonly backends: Backends,
    private readonly directory: string,
    private readonly source: ConfigSource,
  ) {}

  /** Changes something; says what, shortly. */
  step(): string {
    const { random } = this;
    switch (random.below(9)) {
      case 0:
      case 1:
        return this.setCluster(random.pick(clusterNames));
      case 2:
        return this.removeCluster(random.pick(clusterNames));
      case 3:
        return this.#setEndpoints(random.pick(clusterNames));
      case 4:
      case 5:
        return this.setRoutes(random.pick(routeNames));
      case 6:
        return this.#removeRoutes(random.pick(routeNames));
      case 7:
        return random.isLucky(0.6)
          ? this.#setListener(random.pick(listenerNames))
          : this.#removeListener(random.pick(listenerNames));
      default:
        return random.isLucky(0.8)
          ? this.#setFilter(random.pick(filterNames))
          : this.#removeFilter(random.pick(filterNames));
    }
  }

  setCluster(name: string): string {
    const timeoutMs = 1_000 + this.random.below(20);
    this.#clusters.set(name, timeoutMs);
    if (!this.#endpoints.has(name)) {
      this.#endpoints.set(name, this.random.below(this.backends.length));
    }
    return `cluster ${name} ${timeoutMs}`;
  }

  setRoutes(name: string): string {
    this.#count += 1;
    const target = this.random.pick(clusterNames);
    this.#routes.set(name, { cluster: target, mark: `m${this.#count}` });
    return `routes ${name} m${this.#count} to ${target}`;
  }

  /** Routes that Envoy has because a listener refers to them. */
  referencedRoutes(): string[] {
    return [...new Set([...this.#listeners.values()].map((one) => one.routes))].sort();
  }

  /** Everything that the server is given, or what Envoy has of it. */
  resources(which: 'all' | 'referenced' = 'all'): TypedResource[] {
    const { source } = this;
    const listeners = [...this.#listeners];
    const isReferenced = (field: 'routes' | 'rbac') => (name: string) =>
      which === 'all' || listeners.some(([, one]) => one[field] === name);
    const isRoute = isReferenced('routes');
    const isFilter = isReferenced('rbac');
    return [
      ...[...this.#clusters].map(([name, timeoutMs]) => cluster(name, timeoutMs, source)),
      ...[...this.#endpoints].map(([name, at]) => endpoints(name, this.backends[at]?.port)),
      ...[...this.#routes]
        .filter(([name]) => isRoute(name))
        .map(([name, { cluster: target, mark }]) => routes(name, target, mark)),
      ...[...this.#filters]
        .filter(([name]) => isFilter(name))
        .map(([name, allow]) => rbac(name, allow)),
      ...listeners.map(([name, { path, ...rest }]) => listener(name, path, { ...rest, source })),
    ];
  }

  /** Where to ask, and what must be answered: the whole of it or, if Envoy words it, its status. */
  answers(): { readonly path: string; readonly answer: string }[] {
    return [...this.#listeners.values()].map((one) => {
      const route = this.#routes.get(one.routes);
      const backend = this.backends[this.#endpoints.get(route?.cluster ?? '') ?? -1];
      if (one.rbac !== undefined && !this.#filters.get(one.rbac)) {
        return { path: one.path, answer: `403 ${route?.mark} RBAC: access denied` };
      }
      const answer = backend === undefined ? '503 ' : `200 ${route?.mark} ${backend.name}`;
      return { path: one.path, answer };
    });
  }

  removeCluster(name: string): string {
    this.#clusters.delete(name);
    this.#endpoints.delete(name);
    return `no cluster ${name}`;
  }

  #setEndpoints(name: string): string {
    if (!this.#clusters.has(name)) {
      return this.setCluster(name);
    }
    const at = this.random.below(this.backends.length + 1) - 1;
    this.#endpoints.set(name, at);
    return `endpoints ${name} ${at}`;
  }

  #removeRoutes(name: string): string {
    // Envoy keeps routes that a listener refers to, and could not start such a listener.
    const orphans = [...this.#listeners].filter(([, one]) => one.routes === name);
    for (const [orphan] of orphans) {
      this.#listeners.delete(orphan);
    }
    this.#routes.delete(name);
    return `no routes ${name}, nor ${orphans.map(([orphan]) => orphan)}`;
  }

  #setListener(name: string): string {
    const before = this.#listeners.get(name);
    this.#count += 1;
    const isMoved = before === undefined || this.random.isLucky(0.3);
    const path = isMoved ? `${this.directory}/${name}-${this.#count}` : before.path;
    const routeName = this.random.pick(routeNames);
    if (!this.#routes.has(routeName)) {
      this.setRoutes(routeName);
    }
    const filter = this.random.isLucky(0.4) ? this.random.pick(filterNames) : undefined;
    if (filter !== undefined && !this.#filters.has(filter)) {
      this.#setFilter(filter);
    }
    this.#listeners.set(name, {
      path,
      routes: routeName,
      ...(filter !== undefined && { rbac: filter }),
    });
    return `listener ${name} ${isMoved ? 'moved, ' : ''}${routeName} ${filter ?? ''}`;
  }

  #removeListener(name: string): string {
    this.#listeners.delete(name);
    return `no listener ${name}`;
  }

  #setFilter(name: string): string {
    const allow = this.random.isLucky(0.7);
    this.#filters.set(name, allow);
    return `filter ${name} ${allow ? 'allows' : 'denies'}`;
  }

  #removeFilter(name: string): string {
    if ([...this.#listeners.values()].some((one) => one.rbac === name)) {
      return this.#setFilter(name);
    }
    this.#filters.delete(name);
    return `no filter ${name}`;
  }
}
