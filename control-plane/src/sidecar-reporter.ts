import type { Logger } from 'pino';
import { blame } from './blame.js';
import { HEARTBEAT_LOST_MS } from './instance-registry.js';
import type { RegisteredInstance } from './instance-store.js';
import type { Metrics } from './metrics.js';
import type { LiveRevision } from './revision-store.js';
import type { RejectedResource, SidecarState } from './sidecar-state.js';
import type { Rejection, SidecarType } from './sidecar-store.js';
import { SingleFlight } from './single-flight.js';

/** At most five writes a second, whatever the number of sidecars. */
const WRITE_EVERY_MS = 200;
const RETRY_MS = 2_000;
/** Connected sidecars are written again so often, that a reader can tell a dead control plane. */
const HEARTBEAT_MS = 10_000;
/** Envoy repeats whole expressions; the start says which, the end what is wrong with it. */
const DETAIL_LENGTH_MAX = 1_000;

interface Parts {
  readonly live: () => LiveRevision | undefined;
  /** The revision that every sidecar is given now. */
  readonly placed: () => string | undefined;
  readonly instances: () => readonly RegisteredInstance[];
  readonly states: (nodeIds?: ReadonlySet<string>) => ReadonlyMap<string, SidecarState>;
  readonly connected: () => ReadonlySet<string>;
  readonly write: (types: readonly SidecarType[]) => Promise<void>;
  readonly markEnforced: (rolloutId: string, atMs: number, sidecars: number) => Promise<void>;
  /** Something that a reader would see has been written. */
  readonly written: () => void;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/**
 * Writes down what each sidecar holds, and when a revision is enforced on all of them. Changes are
 * collected: however many there are, each sidecar is written once.
 */
export class SidecarReporter {
  readonly #dirty = new Set<string>();
  readonly #written = new Map<string, readonly SidecarType[]>();
  readonly #rejections = new Map<string, string>();
  readonly #writer = new SingleFlight(() => this.#report());
  #timer: NodeJS.Timeout | undefined;
  readonly #heartbeat: NodeJS.Timeout;
  #enforcedRollout: string | undefined;
  #closed = false;

  constructor(private readonly parts: Parts) {
    this.#heartbeat = setInterval(() => this.touchConnected(), HEARTBEAT_MS).unref();
  }

  /** Something about a sidecar may have changed. */
  touch(nodeId: string): void {
    this.#dirty.add(nodeId);
    this.#schedule(WRITE_EVERY_MS);
  }

  /** Something about all of them may have changed, such as the live revision. */
  touchConnected(): void {
    for (const nodeId of this.parts.connected()) this.#dirty.add(nodeId);
    this.#schedule(WRITE_EVERY_MS);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#heartbeat);
    clearTimeout(this.#timer);
    await this.#writer.close();
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#writer.request();
    }, delayMs).unref();
  }

  async #report(): Promise<void> {
    const dirty = new Set(this.#dirty);
    this.#dirty.clear();
    const registered = new Map(this.parts.instances().map((each) => [each.instance.id, each]));
    for (const nodeId of this.#written.keys()) {
      if (!registered.has(nodeId)) this.#forget(nodeId);
    }
    const states = this.parts.states(dirty);
    const types = [...dirty].flatMap((nodeId) => {
      const instance = registered.get(nodeId)?.instance;
      return instance === undefined
        ? []
        : this.#typesOf(nodeId, instance.service, states.get(nodeId));
    });
    try {
      if (types.length > 0) await this.parts.write(types);
      const isNews = this.#remember(types);
      const isEnforced = await this.#noteEnforced(registered);
      if (isNews || isEnforced) this.parts.written();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.parts.log.warn({ reason }, 'the state of sidecars is not stored; it will be');
      for (const nodeId of dirty) this.#dirty.add(nodeId);
      this.#schedule(RETRY_MS);
    }
  }

  #typesOf(nodeId: string, service: string, state: SidecarState | undefined): SidecarType[] {
    const atMs = Date.now();
    if (state === undefined) {
      return (this.#written.get(nodeId) ?? []).map((type) => ({ ...type, connected: false, atMs }));
    }
    const live = this.parts.live();
    const isLive = state.holds && live !== undefined && this.parts.placed() === live.revision.id;
    return state.types.map((type) => ({
      instanceId: nodeId,
      service,
      typeUrl: type.typeUrl,
      connected: true,
      state: type.state,
      sentVersion: type.wantedVersion,
      ackedVersion: type.ackedVersion,
      sentAtMs: type.sentAtMs,
      ackedAtMs: type.ackedAtMs,
      rejections: type.rejected.map((rejected) => this.#rejection(nodeId, service, rejected)),
      ackedRevision: isLive ? live.revision.id : undefined,
      atMs,
    }));
  }

  /** The same resource in the same version stays what it was when it was first refused. */
  #rejection(nodeId: string, service: string, rejected: RejectedResource): Rejection {
    const { typeUrl, name, version, detail, atMs } = rejected;
    const revision = this.parts.live()?.revision;
    const first = this.#written
      .get(nodeId)
      ?.find((type) => type.typeUrl === typeUrl)
      ?.rejections.find((each) => each.resource === name && each.version === version);
    return {
      resource: name,
      version,
      detail: shortened(detail),
      rules: revision === undefined ? [] : blame(revision, service, { typeUrl, name, detail }),
      revision: first?.revision ?? revision?.id,
      atMs: first?.atMs ?? atMs,
    };
  }

  /** Whether a reader would see a difference. */
  #remember(types: readonly SidecarType[]): boolean {
    const byNode = new Map<string, SidecarType[]>();
    for (const type of types) {
      byNode.set(type.instanceId, [...(byNode.get(type.instanceId) ?? []), type]);
    }
    let isNews = false;
    for (const [nodeId, now] of byNode) {
      const before = this.#written.get(nodeId);
      isNews ||= before === undefined || contentOf(before) !== contentOf(now);
      this.#written.set(nodeId, now);
      this.#logRejections(nodeId, now);
    }
    return isNews;
  }

  #logRejections(nodeId: string, types: readonly SidecarType[]): void {
    const rejections = types.flatMap((type) => type.rejections);
    const key = rejections.map(({ resource, version }) => `${resource} ${version}`).join(',');
    if (this.#rejections.get(nodeId) === key || (key === '' && !this.#rejections.has(nodeId)))
      return;
    this.#rejections.set(nodeId, key);
    for (const { resource, detail, rules } of rejections) {
      const from = rules.map(({ team, file, line }) => `${file}:${line} of team ${team}`);
      const origin = from[0] === undefined ? '' : `, which comes from ${from[0]}`;
      this.parts.log.error(
        { instance: nodeId, resource, detail, rules },
        `the sidecar of ${nodeId} rejected ${resource}${origin}`,
      );
    }
  }

  #forget(nodeId: string): void {
    this.#written.delete(nodeId);
    this.#rejections.delete(nodeId);
  }

  /** Whether the live revision has just been enforced on every sidecar. */
  async #noteEnforced(registered: ReadonlyMap<string, RegisteredInstance>): Promise<boolean> {
    const live = this.parts.live();
    if (live === undefined || live.enforcedInMs !== undefined) return false;
    if (live.rolloutId === this.#enforcedRollout || this.parts.placed() !== live.revision.id) {
      return false;
    }
    const states = this.parts.states();
    const now = Date.now();
    const services = new Set(live.revision.mesh.services.map(({ name }) => name));
    // A host that is silent for long may be gone with its sidecars; it does not hold the others up.
    const expected = [...registered.values()].filter(
      ({ instance, heartbeatAtMs }) =>
        services.has(instance.service) &&
        (states.has(instance.id) || now - heartbeatAtMs < HEARTBEAT_LOST_MS),
    );
    const held = expected.filter(({ instance }) => states.get(instance.id)?.holds);
    if (held.length === 0 || held.length < expected.length) return false;
    const ackedAtMs = held.map(({ instance }) => states.get(instance.id)?.ackedAtMs ?? 0);
    const atMs = Math.max(live.liveSinceMs, ...ackedAtMs);
    await this.parts.markEnforced(live.rolloutId, atMs, held.length);
    this.#enforcedRollout = live.rolloutId;
    const seconds = (atMs - live.liveSinceMs) / 1000;
    this.parts.metrics.enforceSeconds.observe(seconds);
    this.parts.log.info(
      { revision: live.revision.id, sidecars: held.length, seconds },
      `revision ${live.revision.id} is enforced on ${held.length}/${expected.length} sidecars in ${seconds.toFixed(1)} s`,
    );
    return true;
  }
}

function shortened(detail: string): string {
  if (detail.length <= DETAIL_LENGTH_MAX) return detail;
  const half = DETAIL_LENGTH_MAX / 2;
  return `${detail.slice(0, half)} … ${detail.slice(-half)}`;
}

function contentOf(types: readonly SidecarType[]): string {
  return JSON.stringify(types.map(({ atMs: _, ...rest }) => rest));
}
