import type { Hooks, NodeStatus, ResourceSet, StreamInfo, TypeUrl } from 'envoy-control-plane-ts';
import type { StepOutcome } from './fleet.js';
import { type Metrics, typeLabel } from './metrics.js';
import { type SidecarState, sidecarState } from './sidecar-state.js';

/** Several answers that arrive together are looked at once. */
const LOOK_EVERY_MS = 10;

interface OpenStream {
  readonly nodeId: string;
  /** Nonces of responses without an answer; the server bounds how many there can be. */
  readonly unanswered: Set<string>;
}

/** Follows the streams of all sidecars: who is connected, who holds what the cache has for it. */
export class StreamBoard {
  readonly #streams = new Map<number, OpenStream>();
  readonly #waiting = new Set<() => void>();
  #lookTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly parts: {
      readonly status: () => readonly NodeStatus[];
      readonly wanted: (nodeId: string, typeUrl: TypeUrl) => ResourceSet | undefined;
      readonly metrics: Metrics;
      /** Called often: when anything about a sidecar may have changed. */
      readonly changed: (nodeId: string) => void;
    },
  ) {}

  /** To be given to the xDS server. */
  readonly hooks: Hooks = {
    streamOpened: (stream) => {
      this.#streams.set(stream.streamId, { nodeId: stream.node.id, unanswered: new Set() });
      this.parts.metrics.streams.set(this.#streams.size);
      this.#touched(stream);
    },
    responded: ({ stream, typeUrl, nonce, update }) => {
      this.#streams.get(stream.streamId)?.unanswered.add(nonce);
      const { pushes, pushedResources } = this.parts.metrics;
      const type = typeLabel(typeUrl);
      pushes.inc({ type });
      pushedResources.inc({ type }, update.resources.length + update.removed.length);
      this.#touched(stream);
    },
    acked: ({ stream, typeUrl, nonce }) => {
      this.#streams.get(stream.streamId)?.unanswered.delete(nonce);
      this.parts.metrics.acks.inc({ type: typeLabel(typeUrl) });
      this.#touched(stream);
    },
    nacked: ({ stream, typeUrl, nonce }) => {
      this.#streams.get(stream.streamId)?.unanswered.delete(nonce);
      this.parts.metrics.nacks.inc({ type: typeLabel(typeUrl) });
      this.#touched(stream);
    },
    statusChanged: ({ nodeId }) => {
      this.parts.changed(nodeId);
      this.#look();
    },
    streamClosed: (stream) => {
      this.#streams.delete(stream.streamId);
      this.parts.metrics.streams.set(this.#streams.size);
      this.#touched(stream);
    },
  };

  connectedNodes(): ReadonlySet<string> {
    return new Set([...this.#streams.values()].map(({ nodeId }) => nodeId));
  }

  /** The state of each connected sidecar; of one with two streams, that of the newer. */
  states(nodeIds?: ReadonlySet<string>): Map<string, SidecarState> {
    const newest = new Map<string, NodeStatus>();
    for (const status of this.parts.status()) {
      if (nodeIds !== undefined && !nodeIds.has(status.nodeId)) continue;
      const other = newest.get(status.nodeId);
      if (other === undefined || other.streamId < status.streamId) {
        newest.set(status.nodeId, status);
      }
    }
    return new Map(
      [...newest].map(([nodeId, status]) => {
        const awaited = (this.#streams.get(status.streamId)?.unanswered.size ?? 0) > 0;
        return [
          nodeId,
          sidecarState(status, awaited, (typeUrl) => this.parts.wanted(nodeId, typeUrl)),
        ];
      }),
    );
  }

  /** Waits until the connected ones of these sidecars hold what the cache has for them. */
  settled(nodeIds: readonly string[], waitMs: number): Promise<StepOutcome> {
    const wanted = new Set(nodeIds);
    // A resource that was rejected before and is still wanted says nothing about this change.
    const before = rejectedIn(this.states(wanted));
    return new Promise((resolve) => {
      const done = (outcome: StepOutcome) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(outcome);
      };
      const timer = setTimeout(() => done('late'), waitMs);
      const look = () => {
        const states = this.states(wanted);
        if ([...rejectedIn(states)].some((key) => !before.has(key))) done('rejected');
        else if ([...states.values()].every(({ holds }) => holds)) done('held');
      };
      this.#waiting.add(look);
      look();
    });
  }

  #touched(stream: StreamInfo): void {
    this.parts.changed(stream.node.id);
    this.#look();
  }

  #look(): void {
    if (this.#waiting.size === 0) return;
    this.#lookTimer ??= setTimeout(() => {
      this.#lookTimer = undefined;
      for (const look of [...this.#waiting]) look();
    }, LOOK_EVERY_MS);
  }
}

function rejectedIn(states: ReadonlyMap<string, SidecarState>): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const [nodeId, { types }] of states) {
    for (const { typeUrl, name, version } of types.flatMap(({ rejected }) => rejected)) {
      keys.add(JSON.stringify([nodeId, typeUrl, name, version]));
    }
  }
  return keys;
}
