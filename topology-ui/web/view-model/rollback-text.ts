import type { LiveRollbackView, RollbackView } from '@dotline/topology-ui/api';
import { shortCommit } from './format.js';

/** Why the live revision is an earlier one, such as `Rolled back from 3f… by ada (operator): too slow.` */
export function liveRollbackText(rollback: LiveRollbackView): string {
  const held = rollback.pinned
    ? ' The mesh directory is held back until it changes, or until dotline rollback --release.'
    : '';
  return `${rollbackText(rollback)}.${held}`;
}

/** Who rolled back from what, and why. */
export function rollbackText({ from, fromCommit, by, reason }: RollbackView): string {
  const commit = fromCommit === null ? '' : ` (commit ${shortCommit(fromCommit)})`;
  const who = by.kind === 'operator' ? `${by.name} (operator)` : by.name;
  return `Rolled back from ${from}${commit} by ${who}${reason === '' ? '' : `: ${reason}`}`;
}
