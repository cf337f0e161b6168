import type { Actor } from '@dotline/control-plane/audit-chain';
import type { HeldView, LiveRollbackView } from '@dotline/topology-ui/api';

/** Who did something, with how far that is known. */
export function actorText({ kind, name }: Actor): string {
  if (kind === 'committer') return name;
  return kind === 'control-plane' ? 'control plane' : `${kind} ${name}`;
}

/** Such as `+2 -1 ~1 edges`. */
export function edgesText(added: number, removed: number, changed: number): string {
  return `+${added} -${removed}${changed > 0 ? ` ~${changed}` : ''} edges`;
}

/** Why the live revision is an earlier one, and what that holds back. */
export function rollbackText({ from, by, reason, pinned, held }: LiveRollbackView): string {
  const why = reason === '' ? '' : `: ${reason}`;
  const last = held.at(-1);
  const text = `rolled back from ${from} by ${actorText(by)}${why}`;
  if (!pinned) return text;
  return last === undefined
    ? `${text}; what has its change is held: take it back or mend it, or dotline rollback --release`
    : [text, ...heldLines(last)].join('\n');
}

/** What is not enforced since it has what was rolled back, and the ways out. */
export function heldLines({ revision, commit, by, of, parts }: HeldView): string[] {
  const what = commit === null ? `revision ${revision}` : `commit ${commit.slice(0, 10)}`;
  return [
    `${what} by ${actorText(by)} is held, not enforced: it has what was rolled back with ${of}:`,
    ...parts.map(({ team, name }) => `  ${name} (team ${team})`),
    'it goes live once each of these teams takes that back or mends it; dotline rollback --release lets all of it go live',
  ];
}
