import { get } from 'node:http';
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { inconsistencies } from './consistency.js';
import { ListenerSchema } from './gen/envoy/config/listener/v3/listener_pb.js';
import { VirtualHostSchema } from './gen/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from './gen/envoy/config/route/v3/route_pb.js';
import { ScopedRouteConfigurationSchema } from './gen/envoy/config/route/v3/scoped_route_pb.js';
import { RuntimeSchema } from './gen/envoy/service/runtime/v3/rtds_pb.js';
import { registry } from './gen/registry.js';
import { resource, type TypedResource } from './resource.js';
import { type Snapshot, SnapshotCache } from './snapshot-cache.js';
import { eventually, freePort, RealEnvoy } from './testing/real-envoy.js';
import { TypeUrl } from './type-url.js';
import { XdsServer } from './xds-server.js';

jest.setTimeout(60_000);

const nodeId = 'node-1';
const ads = { ads: {}, resourceApiVersion: 'V3' };
const extension = 'type.googleapis.com/envoy.extensions.filters';

function listener(port: number, http: { readonly [name: string]: JsonValue }): TypedResource {
  const manager = {
    '@type': `${extension}.network.http_connection_manager.v3.HttpConnectionManager`,
    statPrefix: 'http',
    ...http,
  };
  const json = {
    name: 'http',
    address: { socketAddress: { address: '127.0.0.1', portValue: port } },
    filterChains: [{ filters: [{ name: 'http', typedConfig: manager }] }],
  };
  return resource(ListenerSchema, 'http', fromJson(ListenerSchema, json, { registry }));
}

const router = { name: 'router', typedConfig: { '@type': `${extension}.http.router.v3.Router` } };

function says(text: string): JsonValue {
  const body = { inlineString: text };
  return { match: { prefix: '/' }, directResponse: { status: 200, body } };
}

function routes(name: string, text: string): TypedResource {
  const virtualHosts = [{ name: 'all', domains: ['*'], routes: [says(text)] }];
  return resource(
    RouteConfigurationSchema,
    name,
    fromJson(RouteConfigurationSchema, { name, virtualHosts }),
  );
}

function scope(name: string, routeConfigurationName: string): TypedResource {
  const key = { fragments: [{ stringKey: name }] };
  const json = { name, routeConfigurationName, key };
  const message = fromJson(ScopedRouteConfigurationSchema, json);
  return resource(ScopedRouteConfigurationSchema, name, message);
}

describe.each(['DELTA_GRPC', 'GRPC'] as const)('routes of a real Envoy over %s', (apiType) => {
  const cache = new SnapshotCache();
  let server: XdsServer;
  let envoy: RealEnvoy | undefined;
  let port: number;

  async function start(snapshot: (port: number) => Snapshot): Promise<void> {
    port = await freePort();
    expect(inconsistencies(snapshot(port)).filter(({ kind }) => kind === 'missing')).toEqual([]);
    cache.setSnapshot(nodeId, snapshot(port));
    server = new XdsServer({ cache, credentials: ServerCredentials.createInsecure() });
    const xdsPort = await server.listen('127.0.0.1:0');
    envoy = await RealEnvoy.start({ nodeId, xdsPort, apiType });
  }

  afterEach(async () => {
    await envoy?.stop();
    await server.close({ graceMs: 100 });
  });

  /** What is answered, or the status if it is not 200. */
  function answer(headers: Record<string, string>): Promise<string> {
    return new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () =>
          resolve(response.statusCode === 200 ? text : String(response.statusCode)),
        );
      }).on('error', reject);
    });
  }

  function becomes(expected: string, headers: Record<string, string>): Promise<true> {
    return eventually(async () =>
      (await answer(headers).catch(() => '')) === expected ? true : undefined,
    );
  }

  it('come by scope (SRDS)', async () => {
    const scoped = (where: number): Snapshot => ({
      [TypeUrl.Listener]: [
        listener(where, {
          httpFilters: [router],
          scopedRoutes: {
            name: 'scopes',
            scopeKeyBuilder: {
              fragments: [
                { headerValueExtractor: { name: 'x-scope', elementSeparator: ';', index: 0 } },
              ],
            },
            rdsConfigSource: ads,
            scopedRds: { scopedRdsConfigSource: ads },
          },
        }),
      ],
      [TypeUrl.ScopedRoute]: [scope('blue', 'sea'), scope('green', 'wood')],
      [TypeUrl.Route]: [routes('sea', 'waves'), routes('wood', 'trees')],
    });
    await start(scoped);
    await becomes('waves', { 'x-scope': 'blue' });
    await becomes('trees', { 'x-scope': 'green' });
    expect(await answer({ 'x-scope': 'red' })).toBe('404');
    const { [TypeUrl.ScopedRoute]: _, ...rest } = scoped(port);
    cache.setSnapshot(nodeId, { ...rest, [TypeUrl.ScopedRoute]: [scope('blue', 'wood')] });
    await becomes('trees', { 'x-scope': 'blue' });
    await becomes('404', { 'x-scope': 'green' });
  });

  it('follow values of the runtime (RTDS)', async () => {
    const layer = (percent: number) =>
      resource(
        RuntimeSchema,
        'flags',
        fromJson(RuntimeSchema, { name: 'flags', layer: { share: percent } }),
      );
    cache.setSnapshot(nodeId, { [TypeUrl.Runtime]: [layer(1)] });
    server = new XdsServer({ cache, credentials: ServerCredentials.createInsecure() });
    const xdsPort = await server.listen('127.0.0.1:0');
    const rtds = { name: 'rtds', rtdsLayer: { name: 'flags', rtdsConfig: ads } };
    envoy = await RealEnvoy.start({ nodeId, xdsPort, apiType, runtimeLayers: [rtds] });
    const value = async () => {
      const dump = JSON.parse((await envoy?.admin('/runtime')) ?? '{}') as {
        entries?: Record<string, { final_value: string }>;
      };
      return dump.entries?.share?.final_value;
    };
    await eventually(async () => ((await value()) === '1' ? true : undefined));
    cache.setResource(nodeId, layer(2));
    await eventually(async () => ((await value()) === '2' ? true : undefined));
  });

  // "VHDS is only available in the incremental variant".
  if (apiType === 'DELTA_GRPC') {
    it('come host by host, when they are asked for (VHDS)', async () => {
      const host = (name: string, text: string) =>
        resource(
          VirtualHostSchema,
          `lazy/${name}`,
          fromJson(VirtualHostSchema, {
            name: `lazy/${name}`,
            domains: [`${name}.example`],
            routes: [says(text)],
          }),
          { aliases: [`lazy/${name}.example`] },
        );
      await start((where) => ({
        [TypeUrl.Listener]: [
          listener(where, {
            rds: { routeConfigName: 'lazy', configSource: ads },
            httpFilters: [
              {
                name: 'on-demand',
                typedConfig: { '@type': `${extension}.http.on_demand.v3.OnDemand` },
              },
              router,
            ],
          }),
        ],
        [TypeUrl.Route]: [
          resource(
            RouteConfigurationSchema,
            'lazy',
            fromJson(RouteConfigurationSchema, { name: 'lazy', vhds: { configSource: ads } }),
          ),
        ],
        [TypeUrl.VirtualHost]: [host('fare', 'one'), host('orders', 'two')],
      }));
      await becomes('one', { host: 'fare.example' });
      expect(await answer({ host: 'fare.example' })).toBe('one');
      // A host that does not exist must not leave the request waiting.
      expect(await answer({ host: 'nowhere.example' })).toBe('404');
      cache.setResource(nodeId, host('fare', 'three'));
      await becomes('three', { host: 'fare.example' });
      cache.setResource(nodeId, host('nowhere', 'here after all'));
      await becomes('here after all', { host: 'nowhere.example' });
      cache.removeResource(nodeId, TypeUrl.VirtualHost, 'lazy/fare');
      await becomes('404', { host: 'fare.example' });
      const [stream] = server.status(nodeId);
      const hosts = stream?.types.find(({ typeUrl }) => typeUrl === TypeUrl.VirtualHost);
      expect(hosts?.resources.map(({ name }) => name)).not.toContain('lazy/orders');
    });
  }
});
