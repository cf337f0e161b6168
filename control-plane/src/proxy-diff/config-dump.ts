import { type DescMessage, fromJson, type JsonObject, type MessageShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { TypeUrl } from 'envoy-control-plane-ts';
import {
  ClustersConfigDumpSchema,
  EcdsConfigDumpSchema,
  EndpointsConfigDumpSchema,
  ListenersConfigDumpSchema,
  RoutesConfigDumpSchema,
} from 'envoy-control-plane-ts/gen/envoy/admin/v3/config_dump_shared_pb';
import { registry } from 'envoy-control-plane-ts/gen/registry';
import { contentOf, type ProxyResource } from './proxy-resource.js';

/** Envoy's admin interface does not answer, or not as Envoy does. */
export class ProxyUnavailableError extends Error {
  override readonly name = 'ProxyUnavailableError';
}

/** What an Envoy uses, and what it is still making ready. */
export interface ProxyConfig {
  readonly used: readonly ProxyResource[];
  readonly warming: readonly { readonly typeUrl: string; readonly name: string }[];
}

/**
 * Reads the answer of `/config_dump?include_eds`.
 * @throws ProxyUnavailableError for what is no config dump
 */
export function proxyConfig(dump: unknown): ProxyConfig {
  const sections = isObject(dump) && Array.isArray(dump.configs) ? dump.configs : undefined;
  if (sections === undefined) throw new ProxyUnavailableError('the answer is no config dump');
  const used: ProxyResource[] = [];
  const bootstrapped: ProxyResource[] = [];
  const warming: { typeUrl: string; name: string }[] = [];
  for (const section of sections) {
    if (!isObject(section)) continue;
    const { '@type': type, ...json } = section;
    const read = readers[String(type).split('.').at(-1) ?? ''];
    if (read === undefined) continue;
    const found = read(json);
    used.push(...found.used.flatMap(resourceOf));
    bootstrapped.push(...found.bootstrapped.flatMap(resourceOf));
    warming.push(...found.warming.flatMap(resourceOf));
  }
  // Clusters that are not EDS are listed among the endpoints too, with what they were made with; a
  // cluster of the bootstrap may be EDS.
  const edsNames = new Set([...used, ...bootstrapped].flatMap(endpointsNameOf));
  return {
    used: used.filter(({ typeUrl, name }) => typeUrl !== TypeUrl.Endpoint || edsNames.has(name)),
    warming: warming.map(({ typeUrl, name }) => ({ typeUrl, name })),
  };
}

type Packed = readonly (Any | undefined)[];

interface Section {
  readonly used: Packed;
  readonly warming: Packed;
  /** Given by the bootstrap, not by xDS. */
  readonly bootstrapped: Packed;
}

const none = { warming: [], bootstrapped: [] };

const readers: Readonly<Record<string, (json: JsonObject) => Section>> = {
  ClustersConfigDump: (json) => {
    const dump = parse(ClustersConfigDumpSchema, json);
    return {
      used: dump.dynamicActiveClusters.map(({ cluster }) => cluster),
      warming: dump.dynamicWarmingClusters.map(({ cluster }) => cluster),
      bootstrapped: dump.staticClusters.map(({ cluster }) => cluster),
    };
  },
  EndpointsConfigDump: (json) => {
    const dump = parse(EndpointsConfigDumpSchema, json);
    const configs = [...dump.staticEndpointConfigs, ...dump.dynamicEndpointConfigs];
    return { ...none, used: configs.map(({ endpointConfig }) => endpointConfig) };
  },
  ListenersConfigDump: (json) => {
    const { dynamicListeners } = parse(ListenersConfigDumpSchema, json);
    return {
      ...none,
      used: dynamicListeners.map(({ activeState }) => activeState?.listener),
      warming: dynamicListeners.map(({ warmingState }) => warmingState?.listener),
    };
  },
  RoutesConfigDump: (json) => ({
    ...none,
    used: parse(RoutesConfigDumpSchema, json).dynamicRouteConfigs.map(
      ({ routeConfig }) => routeConfig,
    ),
  }),
  EcdsConfigDump: (json) => ({
    ...none,
    used: parse(EcdsConfigDumpSchema, json).ecdsFilters.map(({ ecdsFilter }) => ecdsFilter),
  }),
};

/** @throws ProxyUnavailableError when this Envoy's API has something that ours does not */
function parse<Desc extends DescMessage>(schema: Desc, json: JsonObject): MessageShape<Desc> {
  try {
    return fromJson(schema, json, { registry, ignoreUnknownFields: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ProxyUnavailableError(`Envoy's ${schema.name} cannot be read: ${reason}`);
  }
}

function resourceOf(any: Any | undefined): ProxyResource[] {
  if (any === undefined) return [];
  const content = contentOf(any);
  const name = isObject(content) ? (content.name ?? content.cluster_name) : undefined;
  return [{ typeUrl: any.typeUrl, name: String(name ?? ''), content }];
}

function endpointsNameOf({ typeUrl, name, content }: ProxyResource): string[] {
  if (typeUrl !== TypeUrl.Cluster || !isObject(content) || content.type !== 'EDS') return [];
  const eds = content.eds_cluster_config;
  return [isObject(eds) && typeof eds.service_name === 'string' ? eds.service_name : name];
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
