import type { RolloutView } from '@dotline/topology-ui/api';

/** What is to be known of a rollout in waves, in one sentence. */
export function rolloutSummary(rollout: RolloutView): string {
  const { revision, baseline, state, phase, wave, waves, sidecars, order } = rollout;
  const { moved, touched } = sidecars;
  switch (state) {
    case 'rolled-back':
      return `Revision ${revision} was rolled back ${waves.length > 1 ? `from wave ${wave} ` : ''}to ${baseline}.`;
    default: {
      const doing =
        phase === 'paused'
          ? `was paused by ${order?.by ?? 'somebody'}`
          : phase === 'watching'
            ? 'is watched'
            : 'is on its way';
      return `Revision ${revision} ${doing} in wave ${wave}: ${moved} of the ${touched} sidecars that it touches.`;
    }
  }
}
