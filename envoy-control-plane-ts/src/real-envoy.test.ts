import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Snapshot, SnapshotCache } from './snapshot-cache.js';
import { cluster, endpoints, listener, rbac, routes } from './testing/hello-resources.js';
import { eventually, freePort, RealEnvoy } from './testing/real-envoy.js';
import { TypeUrl } from './type-url.js';
import { XdsServer } from './xds-server.js';

describe.each(['DELTA_GRPC', 'GRPC'] as const)('a real Envoy over %s', (apiType) => {
  const nodeId = 'node-1';
  let cache: SnapshotCache;
  let server: XdsServer;
  let envoy: RealEnvoy;
  let backend: Server;
  let port: number;
  let backendPort: number;
  const sent: string[] = [];

  beforeEach(async () => {
    sent.length = 0;
    cache = new SnapshotCache();
    server = new XdsServer({
      cache,
      credentials: ServerCredentials.createInsecure(),
      hooks: {
        responded: ({ typeUrl, update }) =>
          sent.push(
            `${typeUrl.split('.').at(-1)} ${update.resources.map((r) => r.name)} -${update.removed}`,
          ),
        nacked: ({ rejection }) => sent.push(`NACK ${rejection.message}`),
      },
    });
    const xdsPort = await server.listen('127.0.0.1:0');
    backend = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
    await new Promise((resolve) => backend.once('listening', resolve));
    backendPort = (backend.address() as AddressInfo).port;
    port = await freePort();
    cache.setSnapshot(nodeId, hello());
    envoy = await RealEnvoy.start({ nodeId, xdsPort, apiType });
  });

  afterEach(async () => {
    await envoy?.stop();
    await server.close({ graceMs: 500 });
    backend.close();
    backend.closeAllConnections();
  });

  function hello(): Snapshot {
    return {
      [TypeUrl.Cluster]: [cluster('hello')],
      [TypeUrl.Endpoint]: [endpoints('hello', backendPort)],
      [TypeUrl.Listener]: [listener('front', port, { routes: 'r', rbac: 'guard' })],
      [TypeUrl.Route]: [routes('r', 'hello', 'one')],
      [TypeUrl.ExtensionConfig]: [rbac('guard', true)],
    };
  }

  async function ask(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    return `${response.status} ${response.headers.get('x-route')} ${await response.text()}`;
  }

  it('serves', async () => {
    await eventually(async () => (await ask()) === '200 one hello' || undefined);
    console.log(sent.join('\n'), JSON.stringify(server.status()));
    cache.setSnapshot(nodeId, { ...hello(), [TypeUrl.Cluster]: [cluster('hello', 1500)] });
    const t = Date.now();
    await eventually(
      async () =>
        (await envoy.configDump()).some(
          (r) =>
            r.kind === 'cluster' && r.state === 'active' && r.json.connect_timeout === '1.500s',
        ) || undefined,
    );
    console.log(Date.now() - t, sent.join('\n'));
  }, 60_000);
});
