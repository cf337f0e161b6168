import { type RegisteredInstance, readInstances } from '@dotline/control-plane/instance-store';
import { readMeshProblems } from '@dotline/control-plane/mesh-error-store';
import {
  type LivePointer,
  type LiveRevision,
  readLivePointer,
  readLiveRevision,
  readRollouts,
} from '@dotline/control-plane/revision-store';
import { type RolloutRecord, readLastRollout } from '@dotline/control-plane/rollout-store';
import { readSidecars, type Sidecar } from '@dotline/control-plane/sidecar-store';
import type { Problem } from '@dotline/model/mesh-error';
import { type ObjectiveStatus, readObjectiveStatuses } from '@dotline/slo/objective-status-store';
import pg from 'pg';

/** Everything about the mesh but its traffic, as the stores have it at one moment. */
export interface MeshStructure {
  readonly live: LiveRevision | undefined;
  readonly instances: readonly RegisteredInstance[];
  readonly sidecars: readonly Sidecar[];
  /** The last that runs or ran in waves, or went back. */
  readonly rollout: RolloutRecord | undefined;
  readonly problems: readonly Problem[];
  readonly objectives: readonly ObjectiveStatus[];
}

/** Reads the structure; a revision's content only when another one went live. */
export class MeshStructureReader {
  #live: LiveRevision | undefined;

  constructor(private readonly pool: pg.Pool) {}

  /** @throws the error of PostgreSQL, or of the connection */
  async read(): Promise<MeshStructure> {
    const [live, instances, sidecars, rollout, problems, objectives] = await Promise.all([
      this.#readLive(),
      readInstances(this.pool),
      readSidecars(this.pool),
      readLastRollout(this.pool),
      readMeshProblems(this.pool),
      this.#readObjectives(),
    ]);
    return {
      live,
      instances,
      sidecars,
      rollout,
      problems: problems?.problems ?? [],
      objectives,
    };
  }

  async #readLive(): Promise<LiveRevision | undefined> {
    const pointer = await readLivePointer(this.pool);
    if (!isSame(pointer, this.#live)) {
      this.#live = pointer && (await readLiveRevision(this.pool));
      return this.#live;
    }
    if (this.#live !== undefined && this.#live.enforcedInMs === undefined) {
      const [rollout] = await readRollouts(this.pool, 1);
      if (rollout?.revisionId === this.#live.revision.id && rollout.enforcedInMs !== undefined) {
        this.#live = { ...this.#live, enforcedInMs: rollout.enforcedInMs };
      }
    }
    return this.#live;
  }

  async #readObjectives(): Promise<ObjectiveStatus[]> {
    try {
      return await readObjectiveStatuses(this.pool);
    } catch (error) {
      // The SLO evaluator has never run on this database.
      if (error instanceof pg.DatabaseError && error.code === '42P01') return [];
      throw error;
    }
  }
}

function isSame(pointer: LivePointer | undefined, live: LiveRevision | undefined): boolean {
  return (
    pointer?.rolloutId === live?.rolloutId &&
    pointer?.commit === live?.revision.commit &&
    (pointer?.pinned ?? false) === (live?.rollback?.pinned ?? false) &&
    (pointer?.held ?? 0) === (live?.rollback?.held.length ?? 0)
  );
}

/**
 * Equal for structures that draw the same picture: heartbeats and the figures of objectives, which
 * change all the time, are left out.
 */
export function pictureKey({
  live,
  instances,
  sidecars,
  rollout,
  problems,
  objectives,
}: MeshStructure): string {
  return JSON.stringify([
    live?.rolloutId,
    live?.revision.commit,
    live?.enforcedInMs,
    live?.rollback?.pinned,
    live?.rollback?.held,
    rollout,
    instances.map(({ instance }) => instance),
    sidecars.map(({ atMs: _atMs, types, ...sidecar }) => [
      sidecar,
      types.flatMap(({ rejections }) =>
        rejections.map(({ resource, version }) => [resource, version]),
      ),
    ]),
    problems,
    objectives.map(({ objective, alert, alertSinceMs }) => [objective.name, alert, alertSinceMs]),
  ]);
}
