import { setTimeout as sleep } from 'node:timers/promises';
import { emptyResourceSet, type ResourceSet, type TypeUrl } from 'envoy-control-plane-ts';
import type pg from 'pg';
import type { Logger } from 'pino';
import { readLagging, type WantedType } from './sidecar-lag.js';
import type { StepOutcome } from './step-outcome.js';

/** Other replicas write what their sidecars hold at most five times a second. */
const LOOK_EVERY_MS = 60;
/**
 * The longest that a step waits for sidecars of other replicas: one that reads PostgreSQL every two
 * seconds, since Valkey is away, hears of a revision within it.
 */
const REPLICAS_WAIT_MS = 4_000;

interface Parts {
  readonly pool: pg.Pool;
  /** Waits for the sidecars that are connected here. */
  readonly settledHere: (nodeIds: readonly string[], waitMs: number) => Promise<StepOutcome>;
  readonly connectedHere: () => ReadonlySet<string>;
  /** What a sidecar is to have by this process; equal content has equal versions everywhere. */
  readonly wanted: (nodeId: string) => ReadonlyMap<TypeUrl, ResourceSet> | undefined;
  readonly log: Pick<Logger, 'warn'>;
}

/**
 * Waits between two steps of a rollout for the sidecars of all replicas: for those that are connected
 * here by their streams, for the others by what their replicas write down in PostgreSQL.
 */
export class ReplicaGate {
  constructor(private readonly parts: Parts) {}

  /**
   * Resolves when all of these sidecars that are connected somewhere hold what this process has for them,
   * when one that is connected here refuses it, or when the time is over: `waitMs` for those connected
   * here, some seconds for others.
   */
  async settled(nodeIds: readonly string[], waitMs: number): Promise<StepOutcome> {
    const here = await this.parts.settledHere(nodeIds, waitMs);
    if (here === 'rejected') return here;
    return (await this.#othersHold(nodeIds)) ? here : 'late';
  }

  async #othersHold(nodeIds: readonly string[]): Promise<boolean> {
    const { pool, log, connectedHere } = this.parts;
    const endMs = Date.now() + REPLICAS_WAIT_MS;
    for (let lagging = nodeIds; ; ) {
      const here = connectedHere();
      const elsewhere = lagging.filter((nodeId) => !here.has(nodeId));
      if (elsewhere.length === 0) return true;
      try {
        lagging = await readLagging(pool, this.#typesOf(elsewhere), emptyResourceSet.version);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.warn({ reason }, 'a rollout goes on without a word of other replicas');
        return false;
      }
      if (lagging.length === 0) return true;
      if (Date.now() >= endMs) {
        log.warn(
          { sidecars: lagging.length, some: lagging.slice(0, 5) },
          'a rollout goes on before sidecars of other replicas are as far',
        );
        return false;
      }
      await sleep(LOOK_EVERY_MS);
    }
  }

  #typesOf(nodeIds: readonly string[]): WantedType[] {
    return nodeIds.flatMap((instanceId) =>
      [...(this.parts.wanted(instanceId) ?? [])].map(([typeUrl, { version }]) => {
        return { instanceId, typeUrl, version };
      }),
    );
  }
}
