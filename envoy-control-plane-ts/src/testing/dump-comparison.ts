import { type DescMessage, fromBinary, fromJson, toBinary } from '@bufbuild/protobuf';
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.js';
import { TypedExtensionConfigSchema } from '../gen/envoy/config/core/v3/extension_pb.js';
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from '../gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.js';
import { registry } from '../gen/registry.js';
import type { TypedResource } from '../resource.js';
import { TypeUrl } from '../type-url.js';
import type { DumpedResource } from './real-envoy.js';

const schemas: Record<DumpedResource['kind'], DescMessage> = {
  cluster: ClusterSchema,
  ecds: TypedExtensionConfigSchema,
  endpoint: ClusterLoadAssignmentSchema,
  listener: ListenerSchema,
  route: RouteConfigurationSchema,
};

const kinds: ReadonlyMap<string, DumpedResource['kind']> = new Map([
  [TypeUrl.Cluster, 'cluster'],
  [TypeUrl.ExtensionConfig, 'ecds'],
  [TypeUrl.Endpoint, 'endpoint'],
  [TypeUrl.Listener, 'listener'],
  [TypeUrl.Route, 'route'],
]);

/** What Envoy says it has, decoded: a line for each resource, comparable with `linesOf`. */
export function dumpedLines(dump: readonly DumpedResource[]): string[] {
  const lines = dump
    .filter(({ kind, name }) => kind !== 'endpoint' || name !== 'xds')
    .map(({ kind, name, state, json }) => {
      const { '@type': _type, ...fields } = json;
      const message = fromJson(schemas[kind], fields as never, { registry });
      return `${kind} ${name} ${state} ${contentOf(kind, toBinary(schemas[kind], message))}`;
    });
  // A filter is listed once for each listener that refers to it.
  return [...new Set(lines)].sort();
}

/** Resources that Envoy should have and use. */
export function linesOf(resources: readonly TypedResource[]): string[] {
  return resources
    .map(({ typeUrl, name, value }) => {
      const kind = kinds.get(typeUrl) ?? 'cluster';
      return `${kind} ${name} active ${contentOf(kind, value)}`;
    })
    .sort();
}

function contentOf(kind: DumpedResource['kind'], value: Uint8Array): string {
  return kind === 'endpoint'
    ? addresses(fromBinary(ClusterLoadAssignmentSchema, value)).join()
    : Buffer.from(value).toString('base64');
}

/** Envoy adds fields to the assignments in its dump; what counts is where they lead. */
function addresses({ endpoints }: ClusterLoadAssignment): string[] {
  return endpoints.flatMap(({ lbEndpoints }) =>
    lbEndpoints.flatMap(({ hostIdentifier }) => {
      const address =
        hostIdentifier.case === 'endpoint' ? hostIdentifier.value.address?.address : undefined;
      return address?.case === 'socketAddress'
        ? [`${address.value.address}:${address.value.portSpecifier.value}`]
        : [];
    }),
  );
}
