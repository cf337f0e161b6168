import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { create } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { ServerCredentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ClientStalled, InvalidRequest, LimitExceeded, PermissionDenied } from './errors.js';
import { ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.js';
import { DeltaDiscoveryRequestSchema } from './gen/envoy/service/discovery/v3/discovery_pb.js';
import type { RefusalEvent } from './hooks.js';
import { resource } from './resource.js';
import { SnapshotCache } from './snapshot-cache.js';
import { cluster, endpoints } from './testing/hello-resources.js';
import { Bottleneck, encodeDelta, LightConnection } from './testing/light-client.js';
import { Neighbour } from './testing/neighbour.js';
import { eventually } from './testing/real-envoy.js';
import { TypeUrl } from './type-url.js';
import { XdsServer } from './xds-server.js';
import type { XdsServerOptions } from './xds-server-options.js';

jest.setTimeout(60_000);

const node = { id: 'bad' };
const megabyte = 1024 * 1024;

/** Each test: what one client does wrong costs itself, and a neighbour is served meanwhile. */
describe('a client that', () => {
  let cache: SnapshotCache;
  let server: XdsServer;
  let port: number;
  let client: LightConnection;
  let neighbour: Neighbour;
  let refusals: RefusalEvent[];

  beforeEach(() => {
    cache = new SnapshotCache();
    cache.setSnapshot('bad', { [TypeUrl.Cluster]: [cluster('a')] });
    refusals = [];
  });

  afterEach(async () => {
    client.close();
    await server.close({ graceMs: 0 });
  });

  async function serve(options: Partial<XdsServerOptions> = {}): Promise<void> {
    server = new XdsServer({
      cache,
      credentials: ServerCredentials.createInsecure(),
      hooks: { streamRefused: (event) => refusals.push(event) },
      ...options,
    });
    port = await server.listen('127.0.0.1:0');
    client = new LightConnection(port);
    neighbour = await Neighbour.start(port, cache);
  }

  /** A change every 20 ms. The bounds leave room for a machine that has much else to do. */
  async function expectServed(): Promise<void> {
    const delays = await neighbour.stop();
    console.info(`${expect.getState().currentTestName}; the neighbour: ${JSON.stringify(delays)}`);
    expect(delays.p50Ms).toBeLessThan(250);
    expect(delays.p99Ms).toBeLessThan(2_000);
  }

  it.each([
    ['no message at all', Buffer.from('not a message at all')],
    ['a length beyond the end', Buffer.from([(2 << 3) | 2, 0xff, 0xff, 0x03])],
    ['an endless varint', Buffer.alloc(64, 0xff)],
    ['groups in groups', Buffer.alloc(100_000, (3 << 3) | 3)],
  ])('sends %s gets INVALID_ARGUMENT', async (_title, bytes) => {
    await serve();
    for (let count = 0; count < 20; count += 1) {
      const stream = client.stream();
      stream.sendBytes(bytes);
      expect(await stream.ended).toMatchObject({ code: status.INVALID_ARGUMENT });
    }
    const late = client.stream();
    late.send({ node, typeUrl: TypeUrl.Cluster });
    late.received = () => late.sendBytes(bytes);
    expect(await late.ended).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(refusals[0]?.error).toBeInstanceOf(InvalidRequest);
    await expectServed();
  });

  it('asks for a few types that nobody knows keeps its stream', async () => {
    await serve();
    const stream = client.stream();
    stream.send({ node, typeUrl: 'no type at all' });
    stream.sendBytes(Buffer.from([(2 << 3) | 2, 2, 0xc3, 0x28])); // a type that is not UTF-8
    stream.send({ typeUrl: 'type.googleapis.com/some.Other', resourceNamesSubscribe: ['a'] });
    const clusters: string[] = [];
    stream.received = ({ typeUrl, resources }) => {
      if (typeUrl === TypeUrl.Cluster) {
        clusters.push(...resources.map(({ name }) => name));
      }
    };
    stream.send({ typeUrl: TypeUrl.Cluster });
    await eventually(() => clusters.length > 0);
    expect(clusters).toEqual(['a']);
    await expectServed();
  });

  it('asks for hundreds of types gets RESOURCE_EXHAUSTED', async () => {
    await serve();
    const stream = client.stream();
    stream.send({ node, typeUrl: TypeUrl.Cluster });
    for (let count = 0; count < 500; count += 1) {
      stream.send({ typeUrl: `type.googleapis.com/x${count}`, resourceNamesSubscribe: ['a'] });
    }
    expect(await stream.ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    await expectServed();
  });

  it('subscribes to a million names in one request gets RESOURCE_EXHAUSTED', async () => {
    await serve();
    const million = aMillionNames();
    const before = usedBytes();
    for (const initial of [true, false]) {
      const stream = client.stream();
      if (!initial) {
        stream.send({ node, typeUrl: TypeUrl.Endpoint });
      }
      stream.sendBytes(million);
      expect(await stream.ended).toEqual({
        code: status.RESOURCE_EXHAUSTED,
        message: 'the request has more than 100000 resource names',
      });
    }
    expect(refusals[0]?.error).toBeInstanceOf(LimitExceeded);
    expect(usedBytes() - before).toBeLessThan(32 * megabyte);
    await expectServed();
  });

  it('subscribes to a million names in many requests gets RESOURCE_EXHAUSTED', async () => {
    await serve({ requestBurst: 10_000 });
    const stream = client.stream();
    stream.send({ node, typeUrl: TypeUrl.Endpoint });
    let open = true;
    void stream.ended.then(() => {
      open = false;
    });
    for (let from = 0; open && from < 1_000_000; from += 1_000) {
      const names = Array.from({ length: 1_000 }, (_, index) => `name-${from + index}`);
      if (!stream.send({ typeUrl: TypeUrl.Endpoint, resourceNamesSubscribe: names })) {
        await stream.drained();
      }
      await turn();
    }
    expect(await stream.ended).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      message: expect.stringMatching(/subscribes to 20\d{4} resource names, and may to 200000/),
    });
    await expectServed();
  });

  it('sends a request larger than the limit gets RESOURCE_EXHAUSTED', async () => {
    await serve({ requestBytesMax: megabyte });
    const stream = client.stream();
    stream.sendBytes(Buffer.alloc(2 * megabyte));
    expect(await stream.ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    await expectServed();
  });

  it('subscribes again and again to the same names may do so', async () => {
    await serve({ namesPerStreamMax: 100, requestBurst: 5_000 });
    const stream = client.stream();
    const names = Array.from({ length: 90 }, (_, index) => `name-${index}`);
    let answers = 0;
    stream.received = (response) => {
      answers += 1;
      stream.acknowledge(response);
    };
    stream.send({ node, typeUrl: TypeUrl.Endpoint, resourceNamesSubscribe: names });
    for (let count = 0; count < 200; count += 1) {
      stream.send({ typeUrl: TypeUrl.Endpoint, resourceNamesSubscribe: names });
    }
    await eventually(() => answers > 1);
    await sleep(200);
    expect(refusals).toEqual([]);
    await expectServed();
  });

  it('never reads costs one message, and is cut off in the end', async () => {
    await serve({ stalledMs: 8_000 });
    const stream = client.stream();
    stream.send({ node, typeUrl: TypeUrl.Cluster });
    let answers = 0;
    stream.received = () => {
      answers += 1;
    };
    await eventually(() => answers === 1);
    stream.pause();
    cache.setSnapshot('bad', { [TypeUrl.Cluster]: [largeCluster('a', megabyte, 'first')] });
    await sleep(100);
    const before = usedBytes();
    const started = performance.now();
    let peak = 0;
    for (let count = 0; count < 10_000; count += 1) {
      cache.setSnapshot('bad', { [TypeUrl.Cluster]: [largeCluster('a', 20_000, String(count))] });
      if (count % 10 === 0) {
        await turn();
      }
      if (count % 1_000 === 999) {
        peak = Math.max(peak, usedBytes() - before);
      }
    }
    const tookMs = Math.round(performance.now() - started);
    console.info(`10,000 changes of 20 kB in ${tookMs} ms: at most ${peak} bytes more`);
    expect(peak).toBeLessThan(20 * megabyte);
    expect(await stream.ended).toMatchObject({ code: -1 });
    expect(refusals).toMatchObject([{ node: { id: 'bad' }, error: expect.any(ClientStalled) }]);
    await eventually(() => server.load().connections === 1);
    await expectServed();
  });

  it('stops reading while TCP is full is cut off too', async () => {
    await serve({ stalledMs: 500 });
    const bottleneck = await Bottleneck.before(port);
    const slow = new LightConnection(bottleneck.port, 512 * megabyte);
    try {
      const stream = slow.stream();
      let answers = 0;
      stream.received = () => {
        answers += 1;
      };
      stream.send({ node, typeUrl: TypeUrl.Cluster });
      await eventually(() => answers === 1);
      bottleneck.choke();
      for (let count = 0; refusals.length === 0; count += 1) {
        const large = largeCluster('a', 2 * megabyte, String(count));
        cache.setSnapshot('bad', { [TypeUrl.Cluster]: [large] });
        await sleep(20);
      }
      expect(refusals).toMatchObject([{ error: expect.any(ClientStalled) }]);
      await eventually(() => server.load().connections === 2);
    } finally {
      slow.close();
      bottleneck.close();
    }
    await expectServed();
  });

  it('floods requests is read at its rate, and what it sends stays with it', async () => {
    let requests = 0;
    await serve({
      requestsPerSecond: 100,
      requestBurst: 100,
      hooks: { request: ({ stream }) => (requests += stream.node.id === 'bad' ? 1 : 0) },
    });
    const stream = client.stream();
    stream.send({ node, typeUrl: TypeUrl.Cluster });
    const flood = encodeDelta(
      create(DeltaDiscoveryRequestSchema, {
        typeUrl: TypeUrl.Endpoint,
        resourceNamesSubscribe: [`a-${'x'.repeat(1_000)}`],
      }),
    );
    const before = usedBytes();
    const until = performance.now() + 3_000;
    let sent = 0;
    let heldBack = 0;
    while (performance.now() < until) {
      sent += 1;
      if (!stream.sendBytes(flood)) {
        heldBack += 1;
        await Promise.race([stream.drained(), sleep(200)]);
      } else if (sent % 10 === 0) {
        await turn();
      }
    }
    expect(requests).toBeLessThan(100 + 100 * 4);
    expect(requests).toBeGreaterThan(100 + 100);
    expect(heldBack).toBeGreaterThan(0);
    expect(usedBytes() - before).toBeLessThan(8 * megabyte);
    await expectServed();
  });

  it('opens streams without end gets RESOURCE_EXHAUSTED for those beyond its share', async () => {
    await serve({ streamsPerPeerMax: 20 });
    const streams = Array.from({ length: 30 }, () => client.stream());
    for (const stream of streams) {
      stream.send({ node, typeUrl: TypeUrl.Cluster });
    }
    await eventually(() => refusals.length === 11);
    expect(refusals[0]?.error).toBeInstanceOf(LimitExceeded);
    expect(refusals[0]?.error.message).toBe('127.0.0.1 has 20 open streams, and may have 20');
    streams[0]?.close();
    await eventually(() => server.load().streams === 19);
    const next = client.stream();
    next.send({ node, typeUrl: TypeUrl.Cluster });
    await eventually(() => server.load().streams === 20);
    await expectServed();
  });

  it('says it is another node is refused, on record, with what it claimed', async () => {
    await serve({
      authorize: async ({ node: { id } }) => {
        await sleep(1);
        if (id === 'neighbour') {
          return;
        }
        throw new PermissionDenied(`you are not ${id}`);
      },
    });
    const stream = client.stream();
    stream.send({ node: { id: 'bank', cluster: 'money' }, typeUrl: TypeUrl.Cluster });
    stream.send({ typeUrl: TypeUrl.Endpoint, resourceNamesSubscribe: ['a'] });
    expect(await stream.ended).toEqual({
      code: status.PERMISSION_DENIED,
      message: 'you are not bank',
    });
    expect(refusals).toMatchObject([
      {
        peer: { address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
        node: { id: 'bank', cluster: 'money' },
        error: expect.any(PermissionDenied),
      },
    ]);
    await expectServed();
  });

  it('becomes another node on its stream gets INVALID_ARGUMENT', async () => {
    await serve();
    cache.setSnapshot('other', { [TypeUrl.Endpoint]: [endpoints('secret', 1)] });
    const stream = client.stream();
    stream.send({ node, typeUrl: TypeUrl.Cluster });
    stream.send({ node, typeUrl: TypeUrl.Endpoint });
    stream.send({ node: { id: 'other' }, typeUrl: TypeUrl.Endpoint });
    expect(await stream.ended).toEqual({
      code: status.INVALID_ARGUMENT,
      message: 'this stream is that of node bad, and cannot become that of other',
    });
    await expectServed();
  });
});

/** Put together by hand: the message as an object would be ten times as large. */
function aMillionNames(): Uint8Array {
  const writer = new BinaryWriter();
  writer
    .tag(1, WireType.LengthDelimited)
    .bytes(new BinaryWriter().tag(1, 2).string('bad').finish());
  writer.tag(2, WireType.LengthDelimited).string(TypeUrl.Endpoint);
  const names = Array.from({ length: 1_000_000 }, (_, index) => {
    const name = `name-${index}`;
    return `\x1a${String.fromCharCode(name.length)}${name}`;
  });
  return Buffer.concat([writer.finish(), Buffer.from(names.join(''))]);
}

function largeCluster(name: string, bytes: number, mark: string) {
  const altStatName = mark.padEnd(bytes, 'x');
  return resource(ClusterSchema, name, create(ClusterSchema, { name, altStatName }));
}

function usedBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
