import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  create,
  type DescMessage,
  type JsonObject,
  type MessageInitShape,
} from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from '@jest/globals';
import { TypeUrl } from 'envoy-control-plane-ts';
import { ClusterSchema } from 'envoy-control-plane-ts/gen/envoy/config/cluster/v3/cluster_pb';
import { ClusterLoadAssignmentSchema } from 'envoy-control-plane-ts/gen/envoy/config/endpoint/v3/endpoint_pb';
import { compareResources } from './compare-resources.js';
import { ProxyUnavailableError, proxyConfig } from './config-dump.js';
import { readProxyConfig } from './envoy-admin.js';
import type { HeldResource } from './held-config.js';
import { contentOf } from './proxy-resource.js';

const CLUSTERS = 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump';
const ENDPOINTS = 'type.googleapis.com/envoy.admin.v3.EndpointsConfigDump';

/** What the control plane holds, as it comes out of its encoding. */
function held<Desc extends DescMessage>(
  schema: Desc,
  name: string,
  init: MessageInitShape<Desc>,
  status: HeldResource['status'] = 'SYNCED',
): HeldResource {
  const packed = anyPack(schema, create(schema, init));
  const any = { ...packed, typeUrl: `type.googleapis.com/${schema.typeName}` };
  return {
    typeUrl: any.typeUrl,
    name,
    version: 'v1',
    content: contentOf(any),
    status,
    rejection: status === 'ERROR' ? 'too large' : undefined,
  };
}

const eds = (name: string, more = {}) => ({
  name,
  clusterDiscoveryType: { case: 'type' as const, value: 3 },
  ...more,
});

/** The same cluster as Envoy writes it. */
function dumpedCluster(name: string, more: JsonObject = {}): JsonObject {
  return { cluster: { '@type': TypeUrl.Cluster, name, type: 'EDS', ...more } };
}

const address = (port: number) => ({
  address: {
    address: {
      case: 'socketAddress' as const,
      value: { address: '127.1.0.1', portSpecifier: { case: 'portValue' as const, value: port } },
    },
  },
});

const endpoints = held(ClusterLoadAssignmentSchema, 'fare', {
  clusterName: 'fare',
  endpoints: [
    {
      locality: { region: 'r', zone: 'z', subZone: 'c' },
      lbEndpoints: [1, 2].map((port) => ({
        hostIdentifier: { case: 'endpoint' as const, value: address(port) },
      })),
    },
  ],
});

/** Endpoints as Envoy writes them: every default, its own view of health, in an order of its own. */
function dumpedEndpoints(ports: readonly number[], health = 'HEALTHY'): JsonObject {
  return {
    endpoint_config: {
      '@type': TypeUrl.Endpoint,
      cluster_name: 'fare',
      endpoints: [
        {
          locality: { region: 'r', zone: 'z', sub_zone: 'c' },
          lb_endpoints: ports.map((port) => ({
            endpoint: {
              address: { socket_address: { address: '127.1.0.1', port_value: port } },
              health_check_config: {},
            },
            health_status: health,
            load_balancing_weight: 1,
          })),
        },
      ],
      policy: { overprovisioning_factor: 140 },
    },
  };
}

function dump(clusters: JsonObject, endpointConfigs: JsonObject = {}) {
  return proxyConfig({
    configs: [
      { '@type': 'type.googleapis.com/envoy.admin.v3.BootstrapConfigDump', bootstrap: {} },
      { '@type': CLUSTERS, ...clusters },
      { '@type': ENDPOINTS, ...endpointConfigs },
    ],
  });
}

describe('what the control plane holds and what Envoy uses', () => {
  it('are equal when every message is, whatever its encoding', () => {
    const config = dump(
      { dynamic_active_clusters: [dumpedCluster('fare', { connect_timeout: '1.500s' })] },
      { dynamic_endpoint_configs: [dumpedEndpoints([2, 1])] },
    );
    const cluster = held(
      ClusterSchema,
      'fare',
      eds('fare', { connectTimeout: { seconds: 1n, nanos: 500_000_000 } }),
    );
    expect(compareResources([cluster, endpoints], config)).toEqual({
      equal: { [TypeUrl.Cluster]: 1, [TypeUrl.Endpoint]: 1 },
      differences: [],
    });
  });

  it('differ by fields, by what is missing or extra, and by what is still warming', () => {
    const config = dump({
      dynamic_active_clusters: [
        dumpedCluster('fare', { lb_policy: 'MAGLEV' }),
        dumpedCluster('pay'),
      ],
      dynamic_warming_clusters: [dumpedCluster('maps')],
    });
    const names = ['fare', 'maps', 'text'];
    const clusters = names.map((name) => held(ClusterSchema, name, eds(name)));
    const { differences } = compareResources(clusters, config);
    expect(differences).toMatchObject([
      { name: 'fare', kind: 'different', fields: [{ path: 'lb_policy', used: 'MAGLEV' }] },
      { name: 'maps', kind: 'missing', warming: true },
      { name: 'text', kind: 'missing', warming: false },
      { name: 'pay', kind: 'extra', status: undefined },
    ]);
  });

  it('differ when Envoy refused a resource, even if it shows the refused one', () => {
    const config = dump({ dynamic_active_clusters: [dumpedCluster('fare')] });
    const refused = held(ClusterSchema, 'fare', eds('fare'), 'ERROR');
    expect(compareResources([refused], config).differences).toMatchObject([
      { name: 'fare', kind: 'different', rejection: 'too large', fields: [] },
    ]);
  });
});

describe('endpoints', () => {
  const clusters = { dynamic_active_clusters: [dumpedCluster('fare')] };
  const differencesOf = (configs: JsonObject) =>
    compareResources([endpoints], dump(clusters, configs)).differences.find(
      ({ typeUrl }) => typeUrl === TypeUrl.Endpoint,
    );

  it('that Envoy has ejected are the same endpoints', () => {
    const ejected = { dynamic_endpoint_configs: [dumpedEndpoints([1, 2], 'UNHEALTHY')] };
    expect(differencesOf(ejected)).toBeUndefined();
  });

  it('that one side lacks are named by place and address', () => {
    expect(differencesOf({ dynamic_endpoint_configs: [dumpedEndpoints([1])] })).toMatchObject({
      kind: 'different',
      fields: [{ path: 'endpoints[r/z/c, priority 0, 127.1.0.1:2]', used: undefined }],
    });
  });

  it('of a cluster of the bootstrap count too, those of a cluster that is not EDS do not', () => {
    const own = {
      static_clusters: [dumpedCluster('self', { eds_cluster_config: { service_name: 'fare' } })],
      dynamic_active_clusters: [{ cluster: { '@type': TypeUrl.Cluster, name: 'app' } }],
    };
    const app = { endpoint_config: { '@type': TypeUrl.Endpoint, cluster_name: 'app' } };
    const config = dump(own, {
      static_endpoint_configs: [dumpedEndpoints([1, 2])],
      dynamic_endpoint_configs: [app],
    });
    const cluster = held(ClusterSchema, 'app', { name: 'app' });
    expect(compareResources([cluster, endpoints], config).differences).toEqual([]);
  });
});

describe('a config dump', () => {
  it.each<[string, unknown]>([
    ['something else', { version: 'x' }],
    [
      'a message that this API does not have',
      {
        configs: [
          {
            '@type': CLUSTERS,
            dynamic_active_clusters: [{ cluster: { '@type': 'type.googleapis.com/a.B' } }],
          },
        ],
      },
    ],
  ])('cannot be read: %s', (_title, content) => {
    expect(() => proxyConfig(content)).toThrow(ProxyUnavailableError);
  });

  it('does not come from an address where nothing answers, or not with a dump', async () => {
    const server = createServer((_request, response) => response.writeHead(503).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const admin = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(readProxyConfig(admin)).rejects.toThrow(
      `Envoy does not answer at ${admin}: status 503`,
    );
    await new Promise((resolve) => server.close(resolve));
    await expect(readProxyConfig(admin)).rejects.toThrow(ProxyUnavailableError);
  });
});
