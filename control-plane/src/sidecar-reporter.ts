import type { Logger } from 'pino';
import { blame } from './blame.js';
import { HEARTBEAT_LOST_MS } from './instance-registry.js';
import type { RegisteredInstance } from './instance-store.js';
import type { Metrics } from './metrics.js';
import type { LiveRevision } from './revision-store.js';
import type { RejectedResource, SidecarState, TypeState } from './sidecar-state.js';
import type { Rejection, Sidecar, SidecarType } from './sidecar-store.js';
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
  /** Whether a sidecar has just been sent something, so that `touch` will be called soon. */
  readonly isAnswering: (nodeId: string) => boolean;
  readonly write: (sidecars: readonly Sidecar[]) => Promise<void>;
  readonly markEnforced: (rolloutId: string, atMs: number, sidecars: number) => Promise<void>;
  /** Something that a reader would see has been written. */
  readonly written: () => void;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** What was written of a connected sidecar last. */
interface Written {
  readonly state: SidecarState;
  readonly ackedRevision: string | undefined;
  readonly types: ReadonlyMap<string, { readonly state: TypeState; readonly type: SidecarType }>;
}

/** What is to be written of a sidecar, and what is written then; nothing of one that is away. */
interface Report {
  readonly sidecar: Sidecar;
  readonly after: Written | undefined;
}

/**
 * Writes down what each sidecar holds, and when a revision is enforced on all of them. Changes are
 * collected: however many there are, each sidecar is written once, with the types that changed.
 */
export class SidecarReporter {
  readonly #dirty = new Set<string>();
  readonly #written = new Map<string, Written>();
  readonly #rejections = new Map<string, string>();
  readonly #writer = new SingleFlight(() => this.#write());
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

  async #write(): Promise<void> {
    // Those in the middle of something are written once, when they are through with it.
    const dirty = new Set([...this.#dirty].filter((nodeId) => !this.parts.isAnswering(nodeId)));
    this.#dirty.clear();
    const registered = new Map(this.parts.instances().map((each) => [each.instance.id, each]));
    for (const nodeId of this.#written.keys()) {
      if (!registered.has(nodeId)) this.#forget(nodeId);
    }
    const states = this.parts.states(dirty);
    const reports = [...dirty].flatMap((nodeId) => {
      const service = registered.get(nodeId)?.instance.service;
      return service === undefined ? [] : this.#report(nodeId, service, states.get(nodeId));
    });
    const enforcement = this.#enforcement(registered, (nodeId) =>
      dirty.has(nodeId) ? states.get(nodeId) : this.#written.get(nodeId)?.state,
    );
    try {
      if (reports.length > 0) await this.parts.write(reports.map(({ sidecar }) => sidecar));
      const isNews = this.#remember(reports);
      if (enforcement !== undefined) await this.#noteEnforced(enforcement);
      if (isNews || enforcement !== undefined) this.parts.written();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.parts.log.warn({ reason }, 'the state of sidecars is not stored; it will be');
      for (const nodeId of dirty) this.#dirty.add(nodeId);
      this.#schedule(RETRY_MS);
    }
  }

  #report(instanceId: string, service: string, state: SidecarState | undefined): Report[] {
    const atMs = Date.now();
    const before = this.#written.get(instanceId);
    if (state === undefined) {
      const away = { instanceId, service, connected: false, ackedRevision: undefined, atMs };
      return before === undefined ? [] : [{ sidecar: { ...away, types: [] }, after: undefined }];
    }
    const live = this.parts.live();
    const isLive = state.holds && live !== undefined && this.parts.placed() === live.revision.id;
    const ackedRevision = isLive ? live.revision.id : undefined;
    const after = new Map(
      state.types.map((type) => {
        const known = before?.types.get(type.typeUrl);
        // While nothing happens to a type, its state is the same object.
        if (known?.state === type) return [type.typeUrl, known];
        return [type.typeUrl, { state: type, type: this.#typeOf(service, type, known?.type) }];
      }),
    );
    const types = [...after.values()].flatMap(({ state: now, type }) =>
      before?.types.get(type.typeUrl)?.state === now ? [] : [type],
    );
    return [
      {
        sidecar: { instanceId, service, connected: true, ackedRevision, types, atMs },
        after: { state, ackedRevision, types: after },
      },
    ];
  }

  #typeOf(service: string, state: TypeState, before: SidecarType | undefined): SidecarType {
    return {
      typeUrl: state.typeUrl,
      state: state.state,
      sentVersion: state.wantedVersion,
      ackedVersion: state.ackedVersion,
      sentAtMs: state.sentAtMs,
      ackedAtMs: state.ackedAtMs,
      rejections: state.rejected.map((rejected) =>
        this.#rejection(service, rejected, before?.rejections),
      ),
    };
  }

  /** The same resource in the same version stays what it was when it was first refused. */
  #rejection(
    service: string,
    rejected: RejectedResource,
    before: readonly Rejection[] = [],
  ): Rejection {
    const { typeUrl, name, version, detail, atMs } = rejected;
    const revision = this.parts.live()?.revision;
    const first = before.find((each) => each.resource === name && each.version === version);
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
  #remember(reports: readonly Report[]): boolean {
    let isNews = false;
    for (const { sidecar, after } of reports) {
      const { instanceId, types } = sidecar;
      const before = this.#written.get(instanceId);
      isNews ||= types.length > 0 || before?.ackedRevision !== after?.ackedRevision;
      isNews ||= (before === undefined) !== (after === undefined);
      if (after === undefined) {
        // Another control plane may write it until it comes back.
        this.#written.delete(instanceId);
      } else {
        this.#written.set(instanceId, after);
        if (types.length > 0) this.#logRejections(instanceId, after);
      }
    }
    return isNews;
  }

  #logRejections(nodeId: string, { types }: Written): void {
    const rejections: Rejection[] = [];
    for (const { type } of types.values()) rejections.push(...type.rejections);
    if (rejections.length === 0) {
      this.#rejections.delete(nodeId);
      return;
    }
    const key = rejections.map(({ resource, version }) => `${resource} ${version}`).join(',');
    if (this.#rejections.get(nodeId) === key) return;
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

  /** Whether the live revision has just been enforced on every sidecar, and when. */
  #enforcement(
    registered: ReadonlyMap<string, RegisteredInstance>,
    stateOf: (nodeId: string) => SidecarState | undefined,
  ): Enforcement | undefined {
    const live = this.parts.live();
    if (live === undefined || live.enforcedInMs !== undefined) return undefined;
    if (live.rolloutId === this.#enforcedRollout || this.parts.placed() !== live.revision.id) {
      return undefined;
    }
    const now = Date.now();
    const services = new Set(live.revision.mesh.services.map(({ name }) => name));
    let sidecars = 0;
    let atMs = live.liveSinceMs;
    for (const [nodeId, { instance, heartbeatAtMs }] of registered) {
      if (!services.has(instance.service)) continue;
      const state = stateOf(nodeId);
      // A host that is silent for long may be gone with its sidecars; it does not hold the others up.
      if (state === undefined && now - heartbeatAtMs >= HEARTBEAT_LOST_MS) continue;
      if (!state?.holds || this.parts.isAnswering(nodeId)) return undefined;
      sidecars += 1;
      atMs = Math.max(atMs, state.ackedAtMs);
    }
    return sidecars === 0 ? undefined : { live, atMs, sidecars };
  }

  async #noteEnforced({ live, atMs, sidecars }: Enforcement): Promise<void> {
    await this.parts.markEnforced(live.rolloutId, atMs, sidecars);
    this.#enforcedRollout = live.rolloutId;
    const seconds = (atMs - live.liveSinceMs) / 1000;
    this.parts.metrics.enforceSeconds.observe(seconds);
    this.parts.log.info(
      { revision: live.revision.id, sidecars, seconds },
      `revision ${live.revision.id} is enforced on ${sidecars}/${sidecars} sidecars in ${seconds.toFixed(1)} s`,
    );
  }
}

/** A revision that every sidecar has. */
interface Enforcement {
  readonly live: LiveRevision;
  /** When the last of them took it, milliseconds since the epoch. */
  readonly atMs: number;
  readonly sidecars: number;
}

function shortened(detail: string): string {
  if (detail.length <= DETAIL_LENGTH_MAX) return detail;
  const half = DETAIL_LENGTH_MAX / 2;
  return `${detail.slice(0, half)} … ${detail.slice(-half)}`;
}
