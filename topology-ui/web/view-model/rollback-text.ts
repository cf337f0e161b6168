import type { LiveRollbackView, RollbackView } from '@dotline/topology-ui/api';
import { shortCommit } from './format.js';

/** Why the live revision is an earlier one, such as `Rolled back from 3f… by ada (operator): too slow.` */
export function liveRollbackText(rollback: LiveRollbackView): string {
  return `${rollbackText(rollback)}.${rollback.pinned ? ` ${heldText(rollback)}` : ''}`;
}

/** What a rollback holds, and the ways out. */
export function heldText({ held }: Pick<LiveRollbackView, 'held'>): string {
  const last = held.at(-1);
  const ways = 'until it is taken back or mended, or until dotline rollback --release';
  if (last === undefined) return `What has its change is held ${ways}.`;
  const { commit, revision, by, parts } = last;
  const what = commit === null ? `revision ${revision}` : `commit ${shortCommit(commit)}`;
  const has = parts.map(({ name, team }) => `${name} of team ${team}`).join(', ');
  return `Held, not enforced: ${what} by ${by.name}, which still has ${has || 'the same'}, ${ways}.`;
}

/** Who rolled back from what, and why. */
export function rollbackText({ from, fromCommit, by, reason }: RollbackView): string {
  const commit = fromCommit === null ? '' : ` (commit ${shortCommit(fromCommit)})`;
  const who = by.kind === 'operator' ? `${by.name} (operator)` : by.name;
  return `Rolled back from ${from}${commit} by ${who}${reason === '' ? '' : `: ${reason}`}`;
}
