import type { Instance } from '@dotline/model/instance';
import type { Revision } from '@dotline/model/revision';
import { isRevocation, type RolloutStep, rolloutSteps, touchedServices } from './rollout-plan.js';
import { isInWave, rolloutWaves, type Wave } from './rollout-waves.js';

/** The way of one revision to the sidecars. */
export interface RolloutRun {
  /** Its row of `control_plane.rollouts`. */
  readonly rolloutId: string;
  readonly before: Revision;
  readonly after: Revision;
  readonly waves: readonly [Wave, ...Wave[]];
  readonly steps: readonly RolloutStep[];
  readonly touched: ReadonlySet<string> | 'all';
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  /** Whether it goes to an earlier revision, which is known to work; absent: no. */
  readonly isRollback?: boolean;
  /** Whether a sidecar that it touches refuses part of the revision before; absent: no. */
  readonly isFromRefused?: boolean;
}

/** A moment of a rollout. */
export interface RolloutPoint {
  readonly run: RolloutRun;
  /** Of the step in the run. */
  readonly index: number;
  readonly step: RolloutStep;
  /** All of the mesh, as they are now. */
  readonly instances: () => readonly Instance[];
}

/** Whether a rollout comes in waves, which are watched, and goes back from them. */
export function isProgressive({ waves }: Pick<RolloutRun, 'waves'>): boolean {
  return waves.length > 1;
}

/**
 * Whether a sidecar that rejects its part ends it, and the revision before comes back. One that takes
 * something away and goes to all always goes on: whoever loses a permission could keep it by rejecting. So
 * does what mends a revision that is refused: on the way callees hold what they refuse of it.
 */
export function mayStop(run: RolloutRun): boolean {
  if (run.isFromRefused === true) return false;
  if (isProgressive(run)) return true;
  return run.isRollback !== true && !isRevocation(run.before, run.after);
}

/** The instances that a revision touches, and those of them that are in the wave of a step. */
export function instancesOf({ run: { touched }, step, instances }: RolloutPoint): {
  readonly touched: readonly Instance[];
  readonly moved: readonly Instance[];
} {
  const all = instances();
  const mine = touched === 'all' ? all : all.filter(({ service }) => touched.has(service));
  return { touched: mine, moved: mine.filter((instance) => isInWave(step.wave, instance)) };
}

/**
 * Plans how a revision comes to the instances. It goes to all at once where its policy says so, in the
 * whole or for revisions that take something away; where it touches too few instances for waves; and
 * where its way is an order of a person.
 */
export function planRun(
  before: Revision,
  wanted: {
    readonly revision: Revision;
    readonly rolloutId: string;
    readonly atOnce: boolean;
  },
  instances: readonly Instance[],
): RolloutRun {
  const { revision: after, rolloutId, atOnce } = wanted;
  const touched = touchedServices(before, after);
  const policy = after.mesh.rollout;
  const inOneWave = atOnce || (policy?.removals === 'at-once' && isRevocation(before, after));
  const waves = rolloutWaves(
    inOneWave ? undefined : policy,
    touched === 'all' ? instances : instances.filter(({ service }) => touched.has(service)),
    after.mesh.cells.map(({ name }) => name),
  );
  const known = { rolloutId, before, after, waves, startedAtMs: Date.now(), isRollback: atOnce };
  return runOf(known, touched);
}

/** A run in known waves, such as those of a rollout that a restart interrupted. */
export function runOf(
  known: Omit<RolloutRun, 'steps' | 'touched'>,
  touched: RolloutRun['touched'] = touchedServices(known.before, known.after),
): RolloutRun {
  const { before, after, waves } = known;
  return {
    ...known,
    steps: rolloutSteps(before, after, waves),
    touched,
  };
}
