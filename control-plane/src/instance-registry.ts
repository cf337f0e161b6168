import type { Instance } from '@dotline/model/instance';
import type pg from 'pg';
import type { Logger } from 'pino';
import { type RegisteredInstance, readInstances, writeHostInstances } from './instance-store.js';
import { SingleFlight } from './single-flight.js';

/** A host that was silent for so long may lose its instances to another host. */
export const HEARTBEAT_LOST_MS = 30_000;

/** Two hosts that both live claim one instance. */
export class InstanceConflictError extends Error {
  override readonly name = 'InstanceConflictError';

  constructor(
    readonly instanceId: string,
    readonly host: string,
  ) {
    super(
      `instance ${instanceId} runs on host ${host}, which is alive: give the hosts different instances`,
    );
  }
}

/**
 * The instances of the mesh, as their hosts announce them. Memory comes first, so that endpoints
 * follow the hosts while PostgreSQL is away; each heartbeat writes again what could not be written.
 */
export class InstanceRegistry {
  readonly #byId = new Map<string, RegisteredInstance>();
  readonly #unwritten = new Map<string, readonly Instance[]>();
  readonly #writer = new SingleFlight(() => this.#write());
  #unwrittenChange = false;
  #puts = 0;

  constructor(
    private readonly pool: pg.Pool,
    private readonly log: Logger,
    private readonly hooks: {
      /** An instance appeared, went or changed; not called for mere heartbeats. */
      readonly changed: () => void;
      /** What changed is in PostgreSQL, for others to read. */
      readonly stored: () => void;
    },
  ) {}

  list(): readonly RegisteredInstance[] {
    return [...this.#byId.values()];
  }

  get(id: string): RegisteredInstance | undefined {
    return this.#byId.get(id);
  }

  /**
   * Takes in the full list of one host.
   * @throws InstanceConflictError
   */
  put(host: string, instances: readonly Instance[], now = Date.now()): void {
    for (const { id } of instances) {
      const other = this.#byId.get(id);
      if (
        other !== undefined &&
        other.host !== host &&
        now - other.heartbeatAtMs < HEARTBEAT_LOST_MS
      ) {
        throw new InstanceConflictError(id, other.host);
      }
    }
    const listed = new Set(instances.map(({ id }) => id));
    let changed = false;
    for (const [id, registered] of this.#byId) {
      if (registered.host === host && !listed.has(id)) changed = this.#byId.delete(id);
    }
    for (const instance of instances) {
      const before = this.#byId.get(instance.id)?.instance;
      changed ||= before === undefined || !isSame(before, instance);
      this.#byId.set(instance.id, { instance, host, heartbeatAtMs: now });
    }
    this.#puts += 1;
    this.#unwritten.set(host, instances);
    this.#unwrittenChange ||= changed;
    void this.#writer.request();
    if (changed) this.hooks.changed();
  }

  /** Reads what is stored, which other replicas have written too. */
  async load(): Promise<void> {
    const puts = this.#puts;
    const stored = await readInstances(this.pool);
    // Meanwhile a host spoke, so what was read may be older; the next load sees both.
    if (puts !== this.#puts) return;
    const before = new Map(this.#byId);
    this.#byId.clear();
    for (const registered of stored) this.#byId.set(registered.instance.id, registered);
    // What this process was told and could not write yet is newer than what is stored.
    for (const [host, instances] of this.#unwritten) {
      for (const [id, registered] of this.#byId) {
        if (registered.host === host) this.#byId.delete(id);
      }
      for (const instance of instances) {
        const heartbeatAtMs = before.get(instance.id)?.heartbeatAtMs ?? Date.now();
        this.#byId.set(instance.id, { instance, host, heartbeatAtMs });
      }
    }
    const same =
      before.size === this.#byId.size &&
      [...this.#byId].every(([id, { instance }]) => {
        const old = before.get(id)?.instance;
        return old !== undefined && isSame(old, instance);
      });
    if (!same) this.hooks.changed();
  }

  /** Resolves when the write that is under way is over. */
  close(): Promise<void> {
    return this.#writer.close();
  }

  async #write(): Promise<void> {
    for (const [host, instances] of [...this.#unwritten]) {
      try {
        await writeHostInstances(this.pool, host, instances, Date.now());
        if (this.#unwritten.get(host) === instances) this.#unwritten.delete(host);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.log.warn({ host, reason }, 'instances are not stored; the next heartbeat tries again');
      }
    }
    if (this.#unwritten.size === 0 && this.#unwrittenChange) {
      this.#unwrittenChange = false;
      this.hooks.stored();
    }
  }
}

function isSame(a: Instance, b: Instance): boolean {
  return (Object.keys(a) as (keyof Instance)[]).every((key) => a[key] === b[key]);
}
