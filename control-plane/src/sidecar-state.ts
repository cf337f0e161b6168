import {
  type NodeStatus,
  type ResourceSet,
  resourceSet,
  type TypeStatus,
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

/**
 * Compares what a sidecar has acknowledged with what the cache has for it.
 * @param awaited whether a response to it is unanswered
 */
export function sidecarState(
  status: NodeStatus,
  awaited: boolean,
  wanted: (typeUrl: TypeUrl) => ResourceSet | undefined,
): SidecarState {
  const types = Object.values(TypeUrl).flatMap((typeUrl) => {
    const set = wanted(typeUrl);
    const type = status.types.find((each) => each.typeUrl === typeUrl);
    if (set === undefined || (set.resources.size === 0 && type === undefined)) return [];
    return [typeState(typeUrl, set, type)];
  });
  const times = status.types.flatMap((type) =>
    type.resources.flatMap(({ acked }) => acked?.time ?? []),
  );
  return {
    holds:
      !awaited &&
      types.length > 0 &&
      types.every(({ wantedVersion, ackedVersion }) => wantedVersion === ackedVersion),
    types,
    ackedAtMs: times.reduce((a, b) => Math.max(a, b), 0),
  };
}

function typeState(typeUrl: TypeUrl, set: ResourceSet, type: TypeStatus | undefined): TypeState {
  // What a client no longer asks for it no longer has, whatever it acknowledged before.
  const subscribed = new Set(type?.subscribed);
  const resources = (type?.resources ?? []).filter(
    ({ name }) => subscribed.has('*') || subscribed.has(name),
  );
  const acked = resources.flatMap(({ name, acked }) =>
    acked === undefined ? [] : [{ name, typeUrl, version: acked.version, value: new Uint8Array() }],
  );
  const rejected = resources.flatMap(({ name, nack }) =>
    nack !== undefined && set.resources.get(name)?.version === nack.version
      ? [{ typeUrl, name, version: nack.version, detail: nack.detail }]
      : [],
  );
  return {
    typeUrl,
    wantedVersion: set.version,
    ackedVersion: resourceSet(acked).version,
    rejected,
  };
}
