import type { Rejection, Sidecar, SidecarType } from '@dotline/control-plane/sidecar-store';
import type {
  LaggingSidecar,
  RejectionView,
  SidecarDetail,
  SidecarsView,
  SidecarTypeView,
} from './api.js';
import type { MeshStructure } from './mesh-structure.js';
import { revisionView } from './structure-view.js';

/** Every sidecar type by type, or one of them. */
export function sidecarsView(structure: MeshStructure, instance?: string): SidecarsView {
  return {
    atMs: Date.now(),
    revision: structure.live === undefined ? null : revisionView(structure.live),
    sidecars: sidecarDetails(structure).filter(
      (sidecar) => instance === undefined || sidecar.instance === instance,
    ),
  };
}

/** One for each registered instance, whether or not its sidecar was ever seen. */
export function sidecarDetails({ live, instances, sidecars }: MeshStructure): SidecarDetail[] {
  const byInstance = new Map(sidecars.map((sidecar) => [sidecar.instanceId, sidecar]));
  return instances.map(({ instance: { id, service, cell, adminAddress } }) => {
    const sidecar = byInstance.get(id);
    const revision = sidecar?.ackedRevision ?? null;
    return {
      instance: id,
      service,
      cell,
      adminAddress,
      connected: sidecar?.connected ?? false,
      seenAtMs: sidecar?.atMs ?? null,
      revision,
      holdsLiveRevision: revision !== null && revision === live?.revision.id,
      types: (sidecar?.types ?? []).map(typeView),
      rejections: rejectionViews(sidecar),
    };
  });
}

/** Why a sidecar does not hold the live revision, from the gravest reason to the mildest. */
export function laggingView(detail: SidecarDetail): LaggingSidecar {
  const { instance, service, seenAtMs, connected, types, rejections } = detail;
  const lag = (
    reason: LaggingSidecar['reason'],
    sinceMs: number | null,
    typeUrl: string | null = null,
    rejection: RejectionView | null = null,
  ): LaggingSidecar => ({ instance, service, reason, sinceMs, typeUrl, rejection });
  if (seenAtMs === null) return lag('never-seen', null);
  const [rejection] = rejections;
  if (rejection !== undefined) {
    return lag('rejected', rejection.atMs, rejection.typeUrl, rejection);
  }
  if (!connected) return lag('disconnected', seenAtMs);
  const stale = types.find(({ state }) => state === 'stale');
  if (stale !== undefined) return lag('unanswered', stale.sentAtMs, stale.typeUrl);
  const unsent = types.find(({ state }) => state === 'not-sent');
  if (unsent !== undefined) return lag('not-sent', unsent.ackedAtMs, unsent.typeUrl);
  return lag('held-back', null);
}

function typeView(type: SidecarType): SidecarTypeView {
  return {
    typeUrl: type.typeUrl,
    state: type.state,
    sentVersion: type.sentVersion ?? null,
    ackedVersion: type.ackedVersion ?? null,
    sentAtMs: type.sentAtMs ?? null,
    ackedAtMs: type.ackedAtMs ?? null,
  };
}

function rejectionViews(sidecar: Sidecar | undefined): RejectionView[] {
  return (sidecar?.types ?? []).flatMap(({ typeUrl, rejections }) =>
    rejections.map(({ resource, version, detail, atMs, revision, rules }: Rejection) => ({
      typeUrl,
      resource,
      version,
      detail,
      atMs,
      revision: revision ?? null,
      rules,
    })),
  );
}
