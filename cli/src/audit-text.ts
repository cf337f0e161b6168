import type { Actor } from '@dotline/control-plane/audit-chain';

/** Who did something, with how far that is known. */
export function actorText({ kind, name }: Actor): string {
  if (kind === 'committer') return name;
  return kind === 'control-plane' ? 'control plane' : `${kind} ${name}`;
}

/** Such as `+2 -1 ~1 edges`. */
export function edgesText(added: number, removed: number, changed: number): string {
  return `+${added} -${removed}${changed > 0 ? ` ~${changed}` : ''} edges`;
}
