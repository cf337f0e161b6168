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
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/**
 * How far a sidecar is with one resource type, in the words of xDS client status: it has taken all,
 * it has been sent something that it has not answered, something is still to be sent, or it refuses
 * something in the version that it is to have.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/status/v3/csds.proto#enum-service-status-v3-configstatus
 */
export type ConfigState = 'synced' | 'stale' | 'not-sent' | 'error';

/** What a sidecar has of one type, against what it is to have. */
export interface TypeState {
  readonly typeUrl: TypeUrl;
  readonly state: ConfigState;
  /** Of the type as a whole. */
  readonly wantedVersion: string;
  readonly ackedVersion: string;
  /** Milliseconds since the epoch; `undefined` when it did not happen on this stream. */
  readonly sentAtMs: number | undefined;
  readonly ackedAtMs: number | undefined;
  readonly rejected: readonly RejectedResource[];
}

export interface SidecarState {
  /** Every resource that it is to have is in use, and nothing else. */
  readonly holds: boolean;
  readonly types: readonly TypeState[];
  /** Of the last acknowledgement, milliseconds since the epoch; 0 without any. */
  readonly ackedAtMs: number;
}

const typeUrls = Object.values(TypeUrl);
type Sets = ReadonlyMap<TypeUrl, ResourceSet>;

/** Both stay the same objects while nothing happens, and most is asked while nothing does. */
const knownStates = new WeakMap<NodeSummary, { sets: Sets | undefined; state: SidecarState }>();

/** Compares what a sidecar has acknowledged with what the cache has for it. */
export function sidecarState(summary: NodeSummary, sets: Sets | undefined): SidecarState {
  const before = knownStates.get(summary);
  if (before !== undefined && before.sets === sets) return before.state;
  const state = comparedTypes(summary.types, sets);
  knownStates.set(summary, { sets, state });
  return state;
}

function comparedTypes(summary: readonly TypeSummary[], sets: Sets | undefined): SidecarState {
  const types: TypeState[] = [];
  for (const typeUrl of typeUrls) {
    const set = sets?.get(typeUrl);
    if (set === undefined) continue;
    const type = summary.find((each) => each.typeUrl === typeUrl);
    if (set.resources.size > 0 || type !== undefined) types.push(typeState(typeUrl, set, type));
  }
  return {
    holds:
      summary.every(({ awaitsAnswer }) => !awaitsAnswer) &&
      types.length > 0 &&
      types.every(({ wantedVersion, ackedVersion }) => wantedVersion === ackedVersion),
    types,
    ackedAtMs: types.reduce((last, { ackedAtMs = 0 }) => Math.max(last, ackedAtMs), 0),
  };
}

/** The same for one type: most of what happens happens to one. */
const known = new WeakMap<TypeSummary, { readonly set: ResourceSet; readonly state: TypeState }>();

function typeState(typeUrl: TypeUrl, set: ResourceSet, type: TypeSummary | undefined): TypeState {
  const before = type && known.get(type);
  if (before?.set === set) return before.state;
  const state = compared(typeUrl, set, type);
  if (type !== undefined) known.set(type, { set, state });
  return state;
}

function compared(typeUrl: TypeUrl, set: ResourceSet, type: TypeSummary | undefined): TypeState {
  const ackedVersion = type?.ackedVersion ?? emptyResourceSet.version;
  const rejected = (type?.rejected ?? [])
    .filter(({ name, version }) => set.resources.get(name)?.version === version)
    .map(({ name, version, detail, time }) => ({ typeUrl, name, version, detail, atMs: time }));
  return {
    typeUrl,
    state: stateOf({
      holds: set.version === ackedVersion,
      awaits: type?.awaitsAnswer ?? false,
      rejects: rejected.length > 0,
    }),
    wantedVersion: set.version,
    ackedVersion,
    sentAtMs: type?.sentAt,
    ackedAtMs: type?.ackedAt,
    rejected,
  };
}

function stateOf(is: { holds: boolean; awaits: boolean; rejects: boolean }): ConfigState {
  if (is.rejects) return 'error';
  if (is.awaits) return 'stale';
  return is.holds ? 'synced' : 'not-sent';
}
