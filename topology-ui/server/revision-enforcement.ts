import { readRevision } from '@dotline/control-plane/revision-store';
import { type FoundRollout, findRollout } from '@dotline/control-plane/rollout-lookup';
import { touchedServices } from '@dotline/control-plane/rollout-plan';
import type pg from 'pg';
import type { EnforcementView } from './api.js';
import { ApiError, unavailable } from './api-error.js';
import type { MeshStructure } from './mesh-structure.js';
import { currentRollout, rolloutView } from './rollout-view.js';
import { laggingView, sidecarDetails } from './sidecar-detail.js';
import type { StructureFeed } from './structure-feed.js';
import { rollbackView } from './structure-view.js';

const WAITING_MAX = 500;
/** Characters that a name needs at least, so that it is not met by chance. */
const HELD_NAME_LENGTH_MIN = 7;

type Touched = ReadonlySet<string> | 'all';

/** How far revisions are enforced, and who waits for that. */
export class RevisionEnforcement {
  /** What the newest rollout touches: two whole revisions are read to know it. */
  #touched: { readonly rolloutId: string; readonly services: Touched } | undefined;

  constructor(
    private readonly pool: pg.Pool,
    private readonly structure: StructureFeed,
  ) {}

  /**
   * How far a revision is, once it is enforced or superseded, or at the signal.
   * @param name a revision's id, its commit (the beginning is enough), or `live`
   * @throws ApiError 503 without PostgreSQL, or when too many wait
   */
  async settled(name: string, signal: AbortSignal): Promise<EnforcementView> {
    if (!signal.aborted && this.structure.waiting >= WAITING_MAX) {
      throw new ApiError(503, 'too many wait already', 'ask without waitMs');
    }
    await this.structure.readAnew();
    for (;;) {
      const seen = this.structure.changes;
      const view = await this.#view(name);
      if (view.state !== 'pending' && view.state !== 'unknown') return view;
      if (signal.aborted) return view;
      await this.structure.changedSince(seen, signal);
    }
  }

  async #view(name: string): Promise<EnforcementView> {
    const { current, problem } = this.structure;
    if (current === undefined || problem !== null) throw unavailable('PostgreSQL', problem);
    const rollout = await findRollout(this.pool, name).catch((error: unknown) => {
      throw unavailable('PostgreSQL', error);
    });
    const view: EnforcementView = {
      state: 'unknown',
      revision: rollout?.revisionId ?? null,
      live: current.live?.revision.id ?? null,
      touched: 0,
      lagging: [],
      rollout: null,
      rollback: rollout?.rolledBack === undefined ? null : rolledBackView(rollout.rolledBack),
      held: null,
      problems: current.problems,
    };
    const held = heldView(current, name);
    if (rollout === undefined || (held !== null && rollout.revisionId !== held.revision)) {
      return held === null ? view : { ...view, state: 'held', revision: held.revision, held };
    }
    const waves = current.rollout;
    if (name === 'live' && waves?.state === 'rolled-back') {
      const held = currentRollout(waves, current.live);
      if (held !== null) return { ...view, state: 'rolled-back', rollout: held };
    }
    const own = waves?.rolloutId === rollout.rolloutId ? rolloutView(waves) : null;
    // A revision waits until the one before it has come through its waves.
    const present = own ?? (waves?.state === 'running' ? rolloutView(waves) : null);
    if (rollout.state === 'rolled-back' || (view.rollback !== null && !rollout.isLive)) {
      return { ...view, state: 'rolled-back', rollout: own?.state === 'rolled-back' ? own : null };
    }
    if (!rollout.isLive && rollout.state !== 'running') {
      return { ...view, state: rollout.isEnforced ? 'enforced' : 'superseded' };
    }
    // The structure may be a moment behind.
    if (current.live?.rolloutId !== rollout.rolloutId) {
      return { ...view, state: 'pending', rollout: present };
    }
    const services = await this.#touchedBy(rollout, current);
    const touched = sidecarDetails(current).filter(
      ({ service }) => services === 'all' || services.has(service),
    );
    const lagging = touched.filter(({ holdsLiveRevision }) => !holdsLiveRevision).map(laggingView);
    return {
      ...view,
      // A wave that has all sidecars is watched too.
      state: lagging.length === 0 && rollout.state !== 'running' ? 'enforced' : 'pending',
      touched: touched.length,
      lagging,
      rollout: present,
    };
  }

  async #touchedBy(
    { rolloutId, previousId }: FoundRollout,
    { live }: MeshStructure,
  ): Promise<Touched> {
    if (this.#touched?.rolloutId === rolloutId) return this.#touched.services;
    const previous = previousId && (await readRevision(this.pool, previousId));
    const services =
      previous && live ? touchedServices(previous.revision, live.revision) : ('all' as const);
    this.#touched = { rolloutId, services };
    return services;
  }
}

function rolledBackView(
  rolledBack: NonNullable<FoundRollout['rolledBack']>,
): EnforcementView['rollback'] {
  return { ...rollbackView(rolledBack, rolledBack.atMs), to: rolledBack.toId };
}

/** The latest content of a name that is held. */
function heldView({ live }: MeshStructure, name: string): EnforcementView['held'] {
  const { held = [] } = live?.rollback ?? {};
  const found = held.findLast(
    ({ revision, commit }) =>
      name.length >= HELD_NAME_LENGTH_MIN &&
      (revision.startsWith(name) || (commit?.startsWith(name) ?? false)),
  );
  if (found === undefined || live?.rollback === undefined) return null;
  const { commit = null, ...rest } = found;
  return { ...rest, commit, rollback: rollbackView(live.rollback, live.liveSinceMs) };
}
