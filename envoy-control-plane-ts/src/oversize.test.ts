import { create } from '@bufbuild/protobuf';
import { ServerCredentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.js';
import type { OversizeEvent, RespondedEvent } from './hooks.js';
import { resource } from './resource.js';
import { SnapshotCache } from './snapshot-cache.js';
import { eventually } from './testing/real-envoy.js';
import { deltaClient, sotwClient } from './testing/xds-client.js';
import { TypeUrl } from './type-url.js';
import { XdsServer } from './xds-server.js';

jest.setTimeout(30_000);

const node = { id: 'node-1' };
const megabyte = 1024 * 1024;
/** What gRPC clients read unless they are told otherwise. */
const grpcDefault = 4 * megabyte;

/** A cluster of nearly this size. */
function clusterOf(name: string, bytes: number) {
  const altStatName = 'x'.repeat(bytes);
  return resource(ClusterSchema, name, create(ClusterSchema, { name, altStatName }));
}

describe('large responses', () => {
  const cache = new SnapshotCache();
  const clients: { close(): void }[] = [];
  let oversize: OversizeEvent[];
  let responded: RespondedEvent[];
  let server: XdsServer;
  let port: number;

  beforeEach(async () => {
    oversize = [];
    responded = [];
    server = new XdsServer({
      cache,
      credentials: ServerCredentials.createInsecure(),
      hooks: {
        oversize: (event) => oversize.push(event),
        responded: (event) => responded.push(event),
      },
    });
    port = await server.listen('127.0.0.1:0');
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) {
      client.close();
    }
    await server.close({ graceMs: 0 });
  });

  it('are split so that a client with default settings reads them all, without a warning', async () => {
    cache.setSnapshot('node-1', {
      [TypeUrl.Cluster]: Array.from({ length: 20 }, (_, i) => clusterOf(`c-${i}`, 700_000)),
    });
    const client = deltaClient(port);
    clients.push(client);
    client.send({ node, typeUrl: TypeUrl.Cluster });
    const names = () => client.responses.flatMap(({ resources }) => resources.map((r) => r.name));
    await eventually(() => names().length === 20);
    expect(Math.max(...responded.map(({ bytes }) => bytes))).toBeLessThan(3.1 * megabyte);
    expect(responded.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThan(13 * megabyte);
    expect(oversize).toEqual([]);
  });

  it('of one resource cannot be split: near the limit they are reported, and read', async () => {
    cache.setSnapshot('node-1', {
      [TypeUrl.Cluster]: [clusterOf('small', 10), clusterOf('huge', 3.9 * megabyte)],
    });
    const client = deltaClient(port);
    clients.push(client);
    client.send({ node, typeUrl: TypeUrl.Cluster });
    await client.response(2);
    expect(oversize).toMatchObject([
      { typeUrl: TypeUrl.Cluster, stream: { node }, largest: { name: 'huge' } },
    ]);
    expect(oversize[0]?.bytes).toBeGreaterThan(3.9 * megabyte);
    expect(oversize[0]?.bytes).toBeLessThan(grpcDefault);
    expect(oversize[0]?.largest?.bytes).toBeGreaterThan(3.9 * megabyte);
  });

  it('beyond the limit fail at a client with default settings: the report is the only trace here', async () => {
    cache.setSnapshot('node-1', { [TypeUrl.Cluster]: [clusterOf('huge', 4.1 * megabyte)] });
    const client = deltaClient(port);
    clients.push(client);
    client.send({ node, typeUrl: TypeUrl.Cluster });
    expect(await client.failure()).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    expect(oversize).toMatchObject([{ largest: { name: 'huge' } }]);
  });

  it('of clusters in state of the world must be whole, however small each of them is', async () => {
    cache.setSnapshot('node-1', {
      [TypeUrl.Cluster]: Array.from({ length: 40 }, (_, i) => clusterOf(`c-${i}`, 98_000)),
    });
    const client = sotwClient(port);
    clients.push(client);
    client.send({ node, typeUrl: TypeUrl.Cluster });
    expect((await client.response(1)).resources).toHaveLength(40);
    expect(oversize).toMatchObject([{ largest: { bytes: expect.any(Number) } }]);
  });
});
