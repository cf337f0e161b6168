import { setTimeout as sleep } from 'node:timers/promises';
import type { Hooks, NodeSummary, ResourceSet, TypeUrl } from 'envoy-control-plane-ts';
import { type Metrics, typeLabel } from './metrics.js';
import { type SidecarState, sidecarState } from './sidecar-state.js';
import type { StepOutcome } from './step-outcome.js';

/** Several answers that arrive together are looked at once. */
const LOOK_EVERY_MS = 10;
const CONNECTED_LOOK_MS = 50;
/** A sidecar that has been sent something is looked at when it answers, and at the latest after so long. */
const ANSWER_LATE_MS = 1_000;

/** Follows the streams of all sidecars: who is connected, who holds what the cache has for it. */
export class StreamBoard {
  /** The node of each open stream. */
  readonly #streams = new Map<number, string>();
  /** Sidecars that have been sent something and are still to answer, and since when; the longest first. */
  readonly #answering = new Map<string, number>();
  #lateTimer: NodeJS.Timeout | undefined;
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
      /** When anything about a sidecar may have changed: not when it is sent something, but when it answers. */
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
      this.#sent(stream.node.id);
    },
    acked: ({ stream, typeUrl }) => {
      this.parts.metrics.acks.inc({ type: typeLabel(typeUrl) });
      this.#answering.delete(stream.node.id);
    },
    nacked: ({ stream, typeUrl }) => {
      this.parts.metrics.nacks.inc({ type: typeLabel(typeUrl) });
      this.#answering.delete(stream.node.id);
    },
    // Comes after each of the three above.
    statusChanged: ({ nodeId }) => {
      if (!this.#answering.has(nodeId)) this.#touched(nodeId);
    },
    streamClosed: (stream) => {
      this.#streams.delete(stream.streamId);
      this.#answering.delete(stream.node.id);
      this.parts.metrics.streams.set(this.#streams.size);
      this.#touched(stream.node.id);
    },
  };

  connectedNodes(): ReadonlySet<string> {
    return new Set(this.#streams.values());
  }

  /** Whether a sidecar has just been sent something: what becomes of it is told when it answers. */
  isAnswering(nodeId: string): boolean {
    return this.#answering.has(nodeId);
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
    // A resource that was rejected before and is still wanted says nothing about this change.
    const before = new Set<string>();
    const lagging = new Set<string>();
    for (const [nodeId, state] of this.states(wanted)) {
      if (!state.holds) lagging.add(nodeId);
      for (const key of rejectionsOf(nodeId, state)) before.add(key);
    }
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
          if (!wanted.has(nodeId)) continue;
          const state = this.#stateOf(nodeId);
          if (state !== undefined && !state.holds) lagging.add(nodeId);
          else lagging.delete(nodeId);
          if (state && rejectionsOf(nodeId, state).some((key) => !before.has(key))) {
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

  /** Of a sidecar with two streams, that of the newer. */
  #newest(nodeId: string): NodeSummary | undefined {
    let newest: NodeSummary | undefined;
    for (const each of this.parts.summary(nodeId)) {
      if (newest === undefined || each.streamId > newest.streamId) newest = each;
    }
    return newest;
  }

  #sent(nodeId: string): void {
    if (!this.#answering.has(nodeId)) this.#answering.set(nodeId, Date.now());
    this.#lateTimer ??= setTimeout(() => this.#noteLate(), ANSWER_LATE_MS).unref();
  }

  #noteLate(): void {
    this.#lateTimer = undefined;
    const now = Date.now();
    for (const [nodeId, sinceMs] of this.#answering) {
      const leftMs = sinceMs + ANSWER_LATE_MS - now;
      if (leftMs > 0) {
        this.#lateTimer = setTimeout(() => this.#noteLate(), leftMs).unref();
        return;
      }
      this.#answering.delete(nodeId);
      this.#touched(nodeId);
    }
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

function rejectionsOf(nodeId: string, { types }: SidecarState): string[] {
  const keys: string[] = [];
  for (const { rejected } of types) {
    for (const { typeUrl, name, version } of rejected) {
      keys.push(JSON.stringify([nodeId, typeUrl, name, version]));
    }
  }
  return keys;
}
