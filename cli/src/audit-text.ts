import type { Actor } from '@dotline/control-plane/audit-chain';
import type { LiveRollbackView } from '@dotline/topology-ui/api';

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
export function rollbackText({ from, by, reason, pinned }: LiveRollbackView): string {
  const why = reason === '' ? '' : `: ${reason}`;
  const held = pinned
    ? '; held until the mesh directory changes or dotline rollback --release'
    : '';
  return `rolled back from ${from} by ${actorText(by)}${why}${held}`;
}
