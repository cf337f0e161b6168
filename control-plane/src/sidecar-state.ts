import {
  emptyResourceSet,
  type NodeSummary,
  type ResourceSet,
  type TypeSummary,
  TypeUrl,
} from 'envoy-control-plane-ts';

/** A resource that a sidecar refused in the version that it is to have. */
export interface RejectedResource {
  readonly typeUrl: TypeUrl;
  readonly name: string;
  readonly version: string;
  readonly detail: string;
}

/** What a sidecar has of one type, against what it is to have. */
export interface TypeState {
  readonly typeUrl: TypeUrl;
  /** Of the type as a whole. */
  readonly wantedVersion: string;
  readonly ackedVersion: string;
  readonly rejected: readonly RejectedResource[];
}

export interface SidecarState {
  /** Every resource that it is to have is in use, and nothing else. */
  readonly holds: boolean;
  readonly types: readonly TypeState[];
  /** Of the last acknowledgement, milliseconds since the epoch; 0 without any. */
  readonly ackedAtMs: number;
}

/** Compares what a sidecar has acknowledged with what the cache has for it. */
export function sidecarState(
  summary: NodeSummary,
  wanted: (typeUrl: TypeUrl) => ResourceSet | undefined,
): SidecarState {
  const types = Object.values(TypeUrl).flatMap((typeUrl) => {
    const set = wanted(typeUrl);
    const type = summary.types.find((each) => each.typeUrl === typeUrl);
    if (set === undefined || (set.resources.size === 0 && type === undefined)) return [];
    return [typeState(typeUrl, set, type)];
  });
  return {
    holds:
      types.length > 0 &&
      types.every(({ wantedVersion, ackedVersion }) => wantedVersion === ackedVersion) &&
      !summary.types.some(({ awaitsAnswer }) => awaitsAnswer),
    types,
    ackedAtMs: Math.max(0, ...summary.types.map(({ ackedAt = 0 }) => ackedAt)),
  };
}

function typeState(typeUrl: TypeUrl, set: ResourceSet, type: TypeSummary | undefined): TypeState {
  return {
    typeUrl,
    wantedVersion: set.version,
    ackedVersion: type?.ackedVersion ?? emptyResourceSet.version,
    rejected: (type?.rejected ?? []).flatMap(({ name, version, detail }) =>
      set.resources.get(name)?.version === version ? [{ typeUrl, name, version, detail }] : [],
    ),
  };
}
