import { fromJson } from '@bufbuild/protobuf';
import { ServerCredentials } from '@grpc/grpc-js';
import { resource, SnapshotCache, TypeUrl, XdsServer } from 'envoy-control-plane-ts';
import { ListenerSchema } from 'envoy-control-plane-ts/gen/envoy/config/listener/v3/listener_pb';
import { registry } from 'envoy-control-plane-ts/gen/registry';

const [xds = '127.0.0.1:18000', port = '10000'] = process.argv.slice(2);
const cache = new SnapshotCache();
const server = new XdsServer({ cache, credentials: ServerCredentials.createInsecure() });
await server.listen(xds);

// biome-ignore format: as Envoy's own documentation writes it
const listener = fromJson(ListenerSchema, {
  name: 'hello',
  address: { socketAddress: { address: '127.0.0.1', portValue: Number(port) } },
  filterChains: [{ filters: [{ name: 'http', typedConfig: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    statPrefix: 'hello',
    routeConfig: { virtualHosts: [{ name: 'all', domains: ['*'], routes: [
      { match: { prefix: '/' }, directResponse: { status: 200, body: { inlineString: 'hello\n' } } }] }] },
    httpFilters: [{ name: 'router', typedConfig: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } }],
  } }] }],
}, { registry });
cache.setSnapshot('envoy-1', { [TypeUrl.Listener]: [resource(ListenerSchema, 'hello', listener)] });
