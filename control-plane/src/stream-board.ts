import { setTimeout as sleep } from 'node:timers/promises';
import type { Hooks, NodeSummary, ResourceSet, TypeUrl } from 'envoy-control-plane-ts';
import { type Metrics, typeLabel } from './metrics.js';
import { type SidecarState, sidecarState } from './sidecar-state.js';
import type { StepOutcome } from './step-outcome.js';

/** Several answers that arrive together are looked at once. */
const LOOK_EVERY_MS = 10;
const CONNECTED_LOOK_MS = 50;

/** Follows the streams of all sidecars: who is connected, who holds what the cache has for it. */
export class StreamBoard {
  /** The node of each open stream. */
  readonly #streams = new Map<number, string>();
  /** Those who wait for sidecars, told which may have changed. */
  readonly #waiting = new Set<(changed: ReadonlySet<string>) => void>();
  #changed = new Set<string>();
  #lookTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly parts: {
      /** Of the open streams of one node. */
      readonly summary: (nodeId: string) => readonly NodeSummary[];
      readonly wanted: (nodeId: string) => ReadonlyMap<TypeUrl, ResourceSet> | undefined;
      readonly metrics: Metrics;
      /** Called often: when anything about a sidecar may have changed. */
      readonly changed: (nodeId: string) => void;
    },
  ) {}

  /** To be given to the xDS server. */
  readonly hooks: Hooks = {
    streamOpened: (stream) => {
      this.#streams.set(stream.streamId, stream.node.id);
      this.parts.metrics.streams.set(this.#streams.size);
      this.#touched(stream.node.id);
    },
    responded: ({ stream, typeUrl, update }) => {
      const { pushes, pushedResources } = this.parts.metrics;
      const type = typeLabel(typeUrl);
      pushes.inc({ type });
      pushedResources.inc({ type }, update.resources.length + update.removed.length);
      this.#touched(stream.node.id);
    },
    acked: ({ stream, typeUrl }) => {
      this.parts.metrics.acks.inc({ type: typeLabel(typeUrl) });
      this.#touched(stream.node.id);
    },
    nacked: ({ stream, typeUrl }) => {
      this.parts.metrics.nacks.inc({ type: typeLabel(typeUrl) });
      this.#touched(stream.node.id);
    },
    statusChanged: ({ nodeId }) => {
      this.#touched(nodeId);
    },
    streamClosed: (stream) => {
      this.#streams.delete(stream.streamId);
      this.parts.metrics.streams.set(this.#streams.size);
      this.#touched(stream.node.id);
    },
  };

  connectedNodes(): ReadonlySet<string> {
    return new Set(this.#streams.values());
  }

  /** Waits until all of these sidecars are connected here, as they are soon after a restart. */
  async connected(nodeIds: readonly string[], waitMs: number): Promise<void> {
    const endMs = Date.now() + waitMs;
    for (;;) {
      const known = this.connectedNodes();
      if (nodeIds.every((id) => known.has(id)) || Date.now() >= endMs) return;
      await sleep(CONNECTED_LOOK_MS);
    }
  }

  /** The state of each of these sidecars that is connected. */
  states(nodeIds: Iterable<string> = this.connectedNodes()): Map<string, SidecarState> {
    const states = new Map<string, SidecarState>();
    for (const nodeId of nodeIds) {
      const state = this.#stateOf(nodeId);
      if (state !== undefined) states.set(nodeId, state);
    }
    return states;
  }

  /** Waits until the connected ones of these sidecars hold what the cache has for them. */
  settled(nodeIds: readonly string[], waitMs: number): Promise<StepOutcome> {
    const wanted = new Set(nodeIds);
    const states = this.states(wanted);
    // A resource that was rejected before and is still wanted says nothing about this change.
    const before = new Set([...states].flatMap(rejectionsOf));
    const lagging = new Set([...states].flatMap(([id, { holds }]) => (holds ? [] : [id])));
    if (lagging.size === 0) return Promise.resolve('held');
    return new Promise((resolve) => {
      const done = (outcome: StepOutcome) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(outcome);
      };
      const timer = setTimeout(() => done('late'), waitMs);
      const look = (changed: ReadonlySet<string>) => {
        for (const nodeId of changed) {
          // Most have just been sent something, which says nothing yet.
          if (!wanted.has(nodeId) || this.#isAnswering(nodeId)) continue;
          const state = this.#stateOf(nodeId);
          if (state !== undefined && !state.holds) lagging.add(nodeId);
          else lagging.delete(nodeId);
          if (state && rejectionsOf([nodeId, state]).some((key) => !before.has(key))) {
            done('rejected');
            return;
          }
        }
        if (lagging.size === 0) done('held');
      };
      this.#waiting.add(look);
    });
  }

  #stateOf(nodeId: string): SidecarState | undefined {
    const newest = this.#newest(nodeId);
    return newest && sidecarState(newest, this.parts.wanted(nodeId));
  }

  /** Whether an answer is on its way, and nothing is refused yet. */
  #isAnswering(nodeId: string): boolean {
    const types = this.#newest(nodeId)?.types ?? [];
    return (
      types.some(({ awaitsAnswer }) => awaitsAnswer) &&
      types.every(({ rejected }) => rejected.length === 0)
    );
  }

  /** Of a sidecar with two streams, that of the newer. */
  #newest(nodeId: string): NodeSummary | undefined {
    let newest: NodeSummary | undefined;
    for (const each of this.parts.summary(nodeId)) {
      if (newest === undefined || each.streamId > newest.streamId) newest = each;
    }
    return newest;
  }

  #touched(nodeId: string): void {
    this.parts.changed(nodeId);
    if (this.#waiting.size === 0) return;
    this.#changed.add(nodeId);
    this.#lookTimer ??= setTimeout(() => {
      this.#lookTimer = undefined;
      const changed = this.#changed;
      this.#changed = new Set();
      for (const look of [...this.#waiting]) look(changed);
    }, LOOK_EVERY_MS);
  }
}

function rejectionsOf([nodeId, { types }]: readonly [string, SidecarState]): string[] {
  return types
    .flatMap(({ rejected }) => rejected)
    .map(({ typeUrl, name, version }) => JSON.stringify([nodeId, typeUrl, name, version]));
}
