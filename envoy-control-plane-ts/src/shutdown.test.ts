import { once } from 'node:events';
import { connect as tcpConnect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { ServerCredentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.js';
import { resource } from './resource.js';
import { SnapshotCache } from './snapshot-cache.js';
import { TestAuthority } from './testing/certificates.js';
import { cluster } from './testing/hello-resources.js';
import { Bottleneck, LightConnection } from './testing/light-client.js';
import { eventually } from './testing/real-envoy.js';
import { TypeUrl } from './type-url.js';
import { XdsServer } from './xds-server.js';

jest.setTimeout(60_000);

describe('XdsServer.close', () => {
  const closeables: { close(): void }[] = [];

  afterEach(() => {
    for (const closeable of closeables.splice(0)) {
      closeable.close();
    }
  });

  function opened<Closeable extends { close(): void }>(closeable: Closeable): Closeable {
    closeables.push(closeable);
    return closeable;
  }

  async function serve(credentials = ServerCredentials.createInsecure()) {
    const cache = new SnapshotCache();
    const server = new XdsServer({ cache, credentials, streamBurst: 1_000 });
    return { cache, server, port: await server.listen('127.0.0.1:0') };
  }

  it('ends streams one after the other, in another order than they came, all UNAVAILABLE', async () => {
    const { server, port } = await serve();
    const endings: { readonly index: number; readonly atMs: number }[] = [];
    let started = 0;
    let unavailable = 0;
    let connection = opened(new LightConnection(port));
    for (let index = 0; index < 500; index += 1) {
      if (index % 25 === 24) {
        connection = opened(new LightConnection(port));
      }
      const stream = connection.stream();
      stream.send({ node: { id: `node-${index}` }, typeUrl: TypeUrl.Cluster });
      void stream.ended.then(({ code }) => {
        unavailable += code === status.UNAVAILABLE ? 1 : 0;
        endings.push({ index, atMs: performance.now() - started });
      });
    }
    await eventually(() => server.status().length === 500);
    started = performance.now();
    const closed = server.close({ graceMs: 1_000, jitter: 0.8 });
    await sleep(100);
    const late = opened(new LightConnection(port)).stream();
    late.send({ node: { id: 'late' }, typeUrl: TypeUrl.Cluster });
    expect(await late.ended).toMatchObject({ code: -1 });
    await closed;
    const closedInMs = performance.now() - started;
    await eventually(() => endings.length === 500);
    expect(unavailable).toBe(500);
    const share = (fromMs: number, toMs: number) =>
      endings.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).length;
    console.info(
      `500 streams ended in ${Math.round(closedInMs)} ms, in steps of 200 ms: ${[0, 200, 400, 600, 800, 1_000].map((from) => share(from, from + 200))}`,
    );
    expect(share(0, 300)).toBeLessThan(300);
    expect(share(500, Number.POSITIVE_INFINITY)).toBeGreaterThan(50);
    expect(endings.map(({ index }) => index)).not.toEqual(
      endings.map(({ index }) => index).sort((a, b) => a - b),
    );
  });

  it('is over at once when there is nobody, and when there are few', async () => {
    const { server, port } = await serve();
    const stream = opened(new LightConnection(port)).stream();
    stream.send({ node: { id: 'node-1' }, typeUrl: TypeUrl.Cluster });
    await eventually(() => server.status().length === 1);
    const started = performance.now();
    await server.close({ graceMs: 10_000 });
    expect(performance.now() - started).toBeLessThan(2_000);
    const other = await serve();
    await other.server.close();
    await other.server.close();
  });

  it('does not hang in the middle of writing to clients that do not read', async () => {
    const { server, port, cache } = await serve();
    const bottleneck = opened(await Bottleneck.before(port));
    let answers = 0;
    for (let index = 0; index < 20; index += 1) {
      const connection = opened(new LightConnection(bottleneck.port, 512 * 1024 * 1024));
      const stream = connection.stream();
      stream.received = (response) => {
        answers += 1;
        stream.acknowledge(response);
      };
      cache.setSnapshot(`node-${index}`, { [TypeUrl.Cluster]: [cluster('a')] });
      stream.send({ node: { id: `node-${index}` }, typeUrl: TypeUrl.Cluster });
    }
    await eventually(() => answers === 20);
    bottleneck.choke();
    for (let count = 0; count < 10; count += 1) {
      const altStatName = String(count).padEnd(2 * 1024 * 1024, 'x');
      const large = resource(ClusterSchema, 'a', create(ClusterSchema, { name: 'a', altStatName }));
      for (let index = 0; index < 20; index += 1) {
        cache.setSnapshot(`node-${index}`, { [TypeUrl.Cluster]: [large] });
      }
      await sleep(20);
    }
    expect(server.load().connections).toBe(20);
    const started = performance.now();
    await server.close({ graceMs: 0 });
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(server.load()).toEqual({ connections: 0, streams: 0, waiting: 0 });
  });

  it('does not hang on connections whose handshake never ends', async () => {
    const authority = await TestAuthority.create();
    const identity = await authority.issue({ dns: 'localhost' });
    const { server, port } = await serve(
      ServerCredentials.createSsl(Buffer.from(authority.roots), [
        { cert_chain: Buffer.from(identity.certificate), private_key: Buffer.from(identity.key) },
      ]),
    );
    const silent = tcpConnect(port, '127.0.0.1');
    closeables.push({ close: () => silent.destroy() });
    silent.on('error', () => undefined);
    await once(silent, 'connect');
    await eventually(() => server.load().connections === 1);
    const started = performance.now();
    await server.close({ graceMs: 100 });
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('does not hang when clients leave and come back meanwhile', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { server, port } = await serve();
      const connections = Array.from({ length: 20 }, () => opened(new LightConnection(port)));
      for (const [index, connection] of connections.entries()) {
        connection.stream().send({ node: { id: `node-${index}` }, typeUrl: TypeUrl.Cluster });
      }
      await eventually(() => server.status().length === 20);
      for (const connection of connections.slice(10)) {
        connection.close();
        opened(new LightConnection(port)).stream();
      }
      await sleep(round);
      await server.close({ graceMs: round % 2 === 0 ? 0 : 200 });
      expect(server.load()).toEqual({ connections: 0, streams: 0, waiting: 0 });
    }
  });
});
