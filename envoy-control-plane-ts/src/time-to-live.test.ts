import { setTimeout as sleep } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { ResourceSchema } from './gen/envoy/service/discovery/v3/discovery_pb.js';
import type { TypedResource } from './resource.js';
import { SnapshotCache } from './snapshot-cache.js';
import { cluster } from './testing/hello-resources.js';
import { eventually, RealEnvoy } from './testing/real-envoy.js';
import { deltaClient, sotwClient } from './testing/xds-client.js';
import { TypeUrl } from './type-url.js';
import { XdsServer } from './xds-server.js';

jest.setTimeout(60_000);

const node = { id: 'node-1' };

function mortal(resource: TypedResource, ttlMs: number): TypedResource {
  return { ...resource, ttlMs };
}

/**
 * "Each Resource has an optional TTL … To support lightweight TTL updates ("heartbeats"), the
 * management server can send a response that provides a Resource with the resource unset and version
 * matching the most recently sent version".
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#resource-ttl
 */
describe('a resource with a time to live', () => {
  let server: XdsServer;
  let envoy: RealEnvoy | undefined;

  afterEach(async () => {
    await envoy?.stop();
    envoy = undefined;
    await server.close({ graceMs: 100 });
  });

  async function serve(...clusters: TypedResource[]): Promise<number> {
    const cache = new SnapshotCache();
    cache.setSnapshot(node.id, { [TypeUrl.Cluster]: clusters });
    server = new XdsServer({ cache, credentials: ServerCredentials.createInsecure() });
    return server.listen('127.0.0.1:0');
  }

  it('is renewed without its content, in the incremental variant', async () => {
    const port = await serve(mortal(cluster('mortal'), 300), cluster('eternal'));
    const client = deltaClient(port);
    client.send({ node, typeUrl: TypeUrl.Cluster });
    const first = await client.response(1);
    expect(first.resources.map(({ name, ttl }) => [name, ttl?.nanos])).toEqual([
      ['mortal', 300_000_000],
      ['eternal', undefined],
    ]);
    const heartbeat = await client.response(2);
    expect(heartbeat.resources).toHaveLength(1);
    expect(heartbeat.resources[0]).toMatchObject({
      name: 'mortal',
      version: first.resources[0]?.version,
      ttl: { nanos: 300_000_000 },
    });
    expect(heartbeat.resources[0]?.resource).toBeUndefined();
    client.close();
  });

  it('is wrapped, and renewed wrapped, in the state-of-the-world variant', async () => {
    const port = await serve(mortal(cluster('mortal'), 300), cluster('eternal'));
    const client = sotwClient(port);
    client.send({ node, typeUrl: TypeUrl.Cluster });
    const wrapper = `type.googleapis.com/${ResourceSchema.typeName}`;
    const first = await client.response(1);
    expect(first.resources.map(({ typeUrl }) => typeUrl)).toEqual([wrapper, TypeUrl.Cluster]);
    const heartbeat = await client.response(2);
    expect(heartbeat.resources.map(({ typeUrl }) => typeUrl)).toEqual([wrapper]);
    const value = heartbeat.resources[0]?.value ?? new Uint8Array();
    const { name, resource } = fromBinary(ResourceSchema, value);
    expect([name, resource]).toEqual(['mortal', undefined]);
    client.close();
  });

  it('is given up after that time by an Envoy that hears nothing, and no sooner', async () => {
    const port = await serve(mortal(cluster('mortal'), 1_500), cluster('eternal'));
    envoy = await RealEnvoy.start({ nodeId: node.id, xdsPort: port, apiType: 'DELTA_GRPC' });
    const held = async () => {
      const dump = (await envoy?.configDump()) ?? [];
      const clusters = dump.filter(({ kind }) => kind === 'cluster').map(({ name }) => name);
      return [...new Set(clusters)].sort();
    };
    await eventually(async () => (await held()).length === 2 || undefined);
    await sleep(3_000);
    expect(await held()).toEqual(['eternal', 'mortal']);
    await server.close({ graceMs: 0 });
    await eventually(async () => (await held()).length === 1 || undefined);
    expect(await held()).toEqual(['eternal']);
  });
});
