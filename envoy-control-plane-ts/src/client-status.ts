import { create } from '@bufbuild/protobuf';
import { AnySchema, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  ClientResourceStatus,
  UpdateFailureStateSchema,
} from './gen/envoy/admin/v3/config_dump_shared_pb.js';
import { type Node, NodeSchema } from './gen/envoy/config/core/v3/base_pb.js';
import {
  type ClientConfig,
  type ClientConfig_GenericXdsConfig,
  ClientConfig_GenericXdsConfigSchema,
  ClientConfigSchema,
  type ClientStatusRequest,
  ConfigStatus,
} from './gen/envoy/service/status/v3/csds_pb.js';
import { nodeTest } from './node-matcher.js';
import type { TypedResource } from './resource.js';
import type { ResourceSet } from './resource-set.js';
import type { ResourceSource } from './resource-source.js';
import type { ResourceStatus, TypeStatus } from './status.js';
import { TypeUrl } from './type-url.js';

/** An open stream. */
export interface ConnectedClient {
  readonly stream: { readonly streamId: number; readonly node: Node };
  /** The name by which the source knows what it may see. */
  readonly group: string;
  status(): readonly TypeStatus[];
}

/**
 * What is known of each node that the request matches: those with a stream and, with a source that
 * knows them, those that have resources here and no stream. Ordered by node id.
 * @throws InvalidRequest for matchers that cannot be understood
 */
export function clientConfigs(
  request: ClientStatusRequest,
  clients: Iterable<ConnectedClient>,
  source: ResourceSource,
): ClientConfig[] {
  const matches = nodeTest(request.nodeMatchers);
  const nodes = new Map<string, Node>();
  const streams = new Map<string, ConnectedClient[]>();
  const connected = new Set<string>();
  for (const client of clients) {
    const { node } = client.stream;
    nodes.set(node.id, node);
    streams.set(node.id, [...(streams.get(node.id) ?? []), client]);
    connected.add(client.group);
  }
  for (const id of source.groups?.() ?? []) {
    if (!connected.has(id)) {
      nodes.set(id, create(NodeSchema, { id }));
    }
  }
  const matching = [...nodes.values()].filter(matches).sort((a, b) => (a.id < b.id ? -1 : 1));
  return matching.map((node) =>
    create(ClientConfigSchema, {
      node,
      genericXdsConfigs: configsOf(node.id, streams.get(node.id), source).map((config) => {
        if (request.excludeResourceContents) {
          delete config.xdsConfig;
        }
        return config;
      }),
    }),
  );
}

function configsOf(
  nodeId: string,
  streams: readonly ConnectedClient[] | undefined,
  source: ResourceSource,
): ClientConfig_GenericXdsConfig[] {
  // A client that has just come back may still have its old stream too: the newest one counts.
  const newestFirst = streams?.toSorted((a, b) => b.stream.streamId - a.stream.streamId);
  const types = newestFirst?.flatMap((client) => client.status());
  const group = newestFirst?.[0]?.group ?? nodeId;
  const asked = types?.map(({ typeUrl }) => typeUrl) ?? [];
  return [...new Set<TypeUrl>([...Object.values(TypeUrl), ...asked])].flatMap((typeUrl) => {
    const set = source.get(group, typeUrl);
    if (types === undefined) {
      return [...(set?.resources.values() ?? [])].map((held) =>
        genericConfig(typeUrl, held.name, held, statuses.unknown),
      );
    }
    const type = types.find((each) => each.typeUrl === typeUrl);
    return type === undefined ? [] : typeConfigs(type, set);
  });
}

function typeConfigs(
  { typeUrl, subscribed, resources }: TypeStatus,
  set: ResourceSet | undefined,
): ClientConfig_GenericXdsConfig[] {
  const statusByName = new Map(resources.map((status) => [status.name, status]));
  const names = new Set([
    ...statusByName.keys(),
    ...subscribed.filter((name) => name !== '*'),
    ...(subscribed.includes('*') ? (set?.resources.keys() ?? []) : []),
  ]);
  return [...names].sort().map((name) => {
    const held = set?.resources.get(name);
    const status = statusByName.get(name);
    if (status === undefined && held === undefined) {
      return genericConfig(typeUrl, name, held, set === undefined ? statuses.asked : statuses.none);
    }
    return genericConfig(typeUrl, name, held, statusOf(held, status));
  });
}

interface Status {
  readonly config: ConfigStatus;
  readonly client: ClientResourceStatus;
  /** When it became so, or when the client took the version that it uses; ms since 1970. */
  readonly time?: number;
  /** Shown when the server no longer holds the resource. */
  readonly version?: string;
  readonly nack?: ResourceStatus['nack'];
}

const statuses = {
  /** No stream tells what the client has. */
  unknown: { config: ConfigStatus.UNKNOWN, client: ClientResourceStatus.UNKNOWN },
  /** Asked for while it is not known yet what there is. */
  asked: { config: ConfigStatus.NOT_SENT, client: ClientResourceStatus.REQUESTED },
  /** Asked for, and not there. */
  none: { config: ConfigStatus.NOT_SENT, client: ClientResourceStatus.DOES_NOT_EXIST },
} satisfies Record<string, Status>;

/** What the server holds against what it has sent and what the client has answered. */
function statusOf(
  held: TypedResource | undefined,
  { sent, acked, nack }: Partial<ResourceStatus> = {},
): Status {
  const usesSome = acked !== undefined;
  if (nack !== undefined) {
    const { time, version } = nack;
    const isHeld = held?.version === version;
    return {
      // What replaces a rejected version is still to be sent.
      config: isHeld ? ConfigStatus.ERROR : ConfigStatus.NOT_SENT,
      client: ClientResourceStatus.NACKED,
      time,
      version,
      nack,
    };
  }
  if (held !== undefined && held.version === acked?.version) {
    const { time } = acked;
    // An older version may have been sent after, and be unanswered.
    if (sent === undefined || sent.version === held.version) {
      return { config: ConfigStatus.SYNCED, client: ClientResourceStatus.ACKED, time };
    }
  }
  const isSent = held !== undefined && sent?.version === held.version;
  const time = isSent ? sent.time : (acked ?? sent)?.time;
  const version = (acked ?? sent)?.version;
  return {
    config: isSent ? ConfigStatus.STALE : ConfigStatus.NOT_SENT,
    client: usesSome ? ClientResourceStatus.ACKED : ClientResourceStatus.REQUESTED,
    ...(time !== undefined && { time }),
    ...(version !== undefined && { version }),
  };
}

function genericConfig(
  typeUrl: TypeUrl,
  name: string,
  held: TypedResource | undefined,
  { config, client, time, version, nack }: Status,
): ClientConfig_GenericXdsConfig {
  return create(ClientConfig_GenericXdsConfigSchema, {
    typeUrl,
    name,
    versionInfo: held?.version ?? version ?? '',
    ...(held && { xdsConfig: create(AnySchema, { typeUrl, value: held.value }) }),
    ...(time !== undefined && { lastUpdated: timestampFromMs(time) }),
    configStatus: config,
    clientStatus: client,
    ...(nack && {
      errorState: create(UpdateFailureStateSchema, {
        details: nack.detail,
        lastUpdateAttempt: timestampFromMs(nack.time),
        versionInfo: nack.version,
      }),
    }),
  });
}
