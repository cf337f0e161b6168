import type { Revision } from '@dotline/model/revision';
import { shadowedServices } from '@dotline/sidecar-config/shadow';
import { TypeUrl } from 'envoy-control-plane-ts';
import type { StagedRevision } from './shadow-store.js';
import type { Sidecar } from './sidecar-store.js';

/** On how many sidecars a staged revision is judged. */
export interface ShadowProgress {
  /** Sidecars that have acknowledged what they judge by. */
  readonly judging: number;
  /** Sidecars that are to: those of callers and callees about which the two revisions differ. */
  readonly concerned: number;
  /** All sidecars; for the others both revisions decide the same. */
  readonly sidecars: number;
}

/** Compares what sidecars are known to hold with what they need to judge by a staged revision. */
export function shadowProgress(
  live: Revision,
  { revision, startedAtMs }: StagedRevision,
  instances: readonly { readonly id: string; readonly service: string }[],
  sidecars: readonly Sidecar[],
): ShadowProgress {
  const { callers, callees, deciders } = shadowedServices(live, revision);
  const known = new Map(sidecars.map((sidecar) => [sidecar.instanceId, sidecar]));
  let judging = 0;
  let concerned = 0;
  for (const { id, service } of instances) {
    const types = [
      ...(callers.has(service) || deciders.has(service) ? [TypeUrl.Route] : []),
      ...(callees.has(service) ? [TypeUrl.ExtensionConfig] : []),
    ];
    if (types.length === 0) continue;
    concerned += 1;
    const sidecar = known.get(id);
    if (sidecar?.connected && types.every((type) => holds(sidecar, type, startedAtMs))) {
      judging += 1;
    }
  }
  return { judging, concerned, sidecars: instances.length };
}

/** Rules to judge by are always sent; a sidecar that connects again with them has nothing sent. */
function holds({ types, atMs }: Sidecar, typeUrl: string, startedAtMs: number): boolean {
  const type = types.find((each) => each.typeUrl === typeUrl);
  if (type?.state !== 'synced') return false;
  return (type.sentAtMs ?? atMs) >= startedAtMs;
}
