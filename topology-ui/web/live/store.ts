import type { GraphView, TrafficUpdate, TrafficView } from '@dotline/topology-ui/api';
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { Theme } from '../view-model/colour.js';
import { type GraphElements, graphElements, noTraffic } from '../view-model/graph-elements.js';
import type { Route } from '../view-model/route.js';
import { matchingServices } from '../view-model/search.js';
import type { ApiClient } from './api-client.js';
import type { ConnectionState } from './live-connection.js';

/** Which figure the lines carry: only where a person looks, or everywhere. */
export type LineFigures = 'looked' | 'rate' | 'errors' | 'latency';

/** Everything the page knows, as signals; views read it, the connection and the address bar write it. */
export interface Store {
  readonly api: ApiClient;
  readonly graph: Signal<GraphView | null>;
  readonly update: Signal<TrafficUpdate | null>;
  readonly connection: Signal<{ readonly state: ConnectionState; readonly reason: string | null }>;
  /** Milliseconds since the epoch of the last event; `null` before the first. */
  readonly lastUpdateMs: Signal<number | null>;
  readonly route: ReadonlySignal<Route>;
  readonly query: Signal<string>;
  readonly hovered: Signal<string | null>;
  readonly lineFigures: Signal<LineFigures>;
  readonly motion: Signal<boolean>;
  readonly theme: ReadonlySignal<Theme>;
  readonly reducedMotion: ReadonlySignal<boolean>;
  /** Whether somebody is at the page. */
  readonly present: ReadonlySignal<boolean>;
  readonly elements: ReadonlySignal<GraphElements | null>;
  readonly matches: ReadonlySignal<ReadonlySet<string> | null>;
  readonly navigate: (change: Partial<Route>) => void;
}

export interface StoreParts {
  readonly api: ApiClient;
  readonly route: ReadonlySignal<Route>;
  readonly navigate: (change: Partial<Route>) => void;
  readonly theme: ReadonlySignal<Theme>;
  readonly reducedMotion: ReadonlySignal<boolean>;
  /** Whether somebody is at the page. */
  readonly present: ReadonlySignal<boolean>;
}

export function createStore(parts: StoreParts): Store {
  const graph = signal<GraphView | null>(null);
  const update = signal<TrafficUpdate | null>(null);
  const query = signal('');
  return {
    ...parts,
    graph,
    update,
    query,
    connection: signal({ state: 'connecting', reason: null }),
    lastUpdateMs: signal(null),
    hovered: signal(null),
    lineFigures: signal('looked'),
    motion: signal(true),
    elements: computed(() =>
      graph.value === null ? null : graphElements(graph.value, update.value, parts.theme.value),
    ),
    matches: computed(() =>
      graph.value === null ? null : matchingServices(graph.value, query.value),
    ),
  };
}

/** Latest figures of a service; subscribes the reading component to every update. */
export function serviceTraffic(store: Store, name: string): TrafficView {
  return (
    store.update.value?.services[name] ??
    store.graph.value?.services.find((service) => service.name === name)?.traffic ??
    noTraffic
  );
}

/** Latest figures of an edge; subscribes the reading component to every update. */
export function edgeTraffic(store: Store, id: string): TrafficView {
  return (
    store.update.value?.edges[id] ??
    store.graph.value?.edges.find((edge) => edge.id === id)?.traffic ??
    noTraffic
  );
}

/** Why the figures are not complete, if they are not. */
export function trafficProblem(store: Store): string | null {
  const { value: update } = store.update;
  return update === null ? (store.graph.value?.trafficProblem ?? null) : update.trafficProblem;
}

/** Team of a service; empty for names outside the catalog. */
export function teamOf(store: Store, service: string): string {
  return store.graph.value?.services.find(({ name }) => name === service)?.team ?? '';
}
