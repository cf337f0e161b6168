import type { RolloutView } from '@dotline/topology-ui/api';
import colours from 'picocolors';
import { age } from './duration.js';

/** Where a rollout is, since when, and why it did not go on. */
export function rolloutLines(rollout: RolloutView, nowMs: number): string[] {
  const { revision, baseline, state, wave, waves, sinceMs, order, reasons } = rollout;
  const because = reasons.map((reason) => colours.red(`  ${reason}`));
  const ago = `${age(sinceMs, nowMs)} ago`;
  switch (state) {
    case 'running': {
      const paused =
        order?.action === 'pause'
          ? [`  paused by ${order.by}; dotline rollout resume goes on`]
          : [];
      return [
        `rollout of revision ${revision}: ${where(rollout, nowMs)}`,
        ...paused.map(colours.yellow),
      ];
    }
    case 'done':
      return [`the rollout of revision ${revision} has passed all its waves (${waves.join(', ')})`];
    case 'rolled-back':
      return [
        colours.red(
          `revision ${revision} was rolled back to ${baseline} ${ago}${waves.length > 1 ? `, from wave ${wave}` : ''}:`,
        ),
        ...because,
        'Commits that still have its change are held until they take it back or mend it; dotline rollback --release tries it again.',
      ];
    case 'superseded':
      return [
        colours.yellow(`revision ${revision} went back to ${baseline} ${ago}, from wave ${wave}:`),
        ...because,
      ];
  }
}

function where(rollout: RolloutView, nowMs: number): string {
  const { phase, step, wave, waves, sidecars, sinceMs, holdMs } = rollout;
  const { moved, touched } = sidecars;
  const since = age(sinceMs, nowMs);
  const place = `wave ${wave} of ${waves.join(', ')}`;
  const held = age(-(holdMs ?? 0), 0);
  const doing = {
    moving: `${step} for ${since}`,
    watching: `watched for ${since} (at least ${held})`,
    paused: `paused after ${since}`,
  }[phase ?? 'moving'];
  return `${place}, ${moved} of the ${touched} sidecars that it touches, ${doing}`;
}
