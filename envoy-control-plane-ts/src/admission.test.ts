import { setTimeout as sleep } from 'node:timers/promises';
import { ServerCredentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { AdmissionQueue } from './admission.js';
import { Overloaded, ShuttingDown } from './errors.js';
import { SnapshotCache } from './snapshot-cache.js';
import { cluster } from './testing/hello-resources.js';
import { LightConnection, type LightStream } from './testing/light-client.js';
import { eventually } from './testing/real-envoy.js';
import { TypeUrl } from './type-url.js';
import { XdsServer } from './xds-server.js';
import type { XdsServerOptions } from './xds-server-options.js';

jest.setTimeout(60_000);

describe('AdmissionQueue', () => {
  const said: string[] = [];
  const arrival = (name: string) => ({
    admitted: () => said.push(`${name} in`),
    refused: ({ name: reason }: Error) => said.push(`${name} ${reason}`),
  });

  beforeEach(() => {
    said.length = 0;
  });

  it('lets a burst in at once and the rest in order, at the rate', async () => {
    const queue = new AdmissionQueue(100, 2, 1_000);
    const started = performance.now();
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      queue.enter(arrival(name));
    }
    expect(said).toEqual(['a in', 'b in']);
    expect(queue.waiting).toBe(3);
    await eventually(() => queue.waiting === 0);
    expect(said).toEqual(['a in', 'b in', 'c in', 'd in', 'e in']);
    expect(performance.now() - started).toBeGreaterThan(25);
  });

  it('lets nobody overtake those who wait', async () => {
    const queue = new AdmissionQueue(100, 1, 1_000);
    queue.enter(arrival('a'));
    queue.enter(arrival('b'));
    await sleep(9);
    queue.enter(arrival('c'));
    await eventually(() => queue.waiting === 0);
    expect(said).toEqual(['a in', 'b in', 'c in']);
  });

  it('refuses at once who would wait too long', () => {
    const queue = new AdmissionQueue(10, 1, 500);
    for (let count = 0; count < 100; count += 1) {
      queue.enter(arrival(String(count)));
    }
    expect(queue.waiting).toBe(5);
    expect(said).toHaveLength(95);
    expect(said.at(-1)).toBe('99 Overloaded');
    queue.close(new ShuttingDown('bye'));
  });

  it('gives the place of who leaves to the next', async () => {
    const queue = new AdmissionQueue(10, 1, 60_000);
    queue.enter(arrival('a'));
    const leaving = Array.from({ length: 500 }, (_, index) => queue.enter(arrival(`${index}`)));
    queue.enter(arrival('b'));
    for (const leave of leaving) {
      leave();
    }
    await eventually(() => queue.waiting === 0, 1_000);
    expect(said).toEqual(['a in', 'b in']);
  });

  it('refuses everyone when it is closed', () => {
    const queue = new AdmissionQueue(10, 1, 60_000);
    queue.enter(arrival('a'));
    queue.enter(arrival('b'));
    queue.close(new ShuttingDown('bye'));
    queue.enter(arrival('c'));
    expect(said).toEqual(['a in', 'b ShuttingDown', 'c ShuttingDown']);
  });
});

describe('XdsServer', () => {
  const cache = new SnapshotCache();
  const connections: LightConnection[] = [];
  let server: XdsServer;

  afterEach(async () => {
    for (const connection of connections.splice(0)) {
      connection.close();
    }
    await server.close({ graceMs: 0 });
  });

  async function serve(options: Partial<XdsServerOptions> = {}): Promise<number> {
    const credentials = ServerCredentials.createInsecure();
    server = new XdsServer({ cache, credentials, ...options });
    return server.listen('127.0.0.1:0');
  }

  /** Streams of as many nodes, 25 on a connection, each with its first request sent. */
  function arrive(port: number, count: number, answered: () => void): LightStream[] {
    const streams: LightStream[] = [];
    for (let index = 0; index < count; index += 1) {
      if (index % 25 === 0) {
        connections.push(new LightConnection(port));
      }
      const stream = connections.at(-1)?.stream();
      if (stream !== undefined) {
        cache.setSnapshot(`node-${index}`, { [TypeUrl.Cluster]: [cluster('a')] });
        stream.received = (response) => {
          stream.acknowledge(response);
          answered();
        };
        stream.send({ node: { id: `node-${index}` }, typeUrl: TypeUrl.Cluster });
        streams.push(stream);
      }
    }
    return streams;
  }

  it('lets a cold start of 1,000 clients in within seconds, evenly', async () => {
    const port = await serve();
    const started = performance.now();
    let answers = 0;
    let waitingMost = 0;
    arrive(port, 1_000, () => {
      answers += 1;
      waitingMost = Math.max(waitingMost, server.load().waiting);
    });
    await eventually(() => answers === 1_000);
    const tookMs = Math.round(performance.now() - started);
    console.info(`1,000 streams in ${tookMs} ms, of which ${waitingMost} waited at once`);
    expect(tookMs).toBeGreaterThan(450);
    expect(server.load()).toEqual({ connections: 40, streams: 1_000, waiting: 0 });
  });

  it('refuses with UNAVAILABLE what it cannot let in in time', async () => {
    const refused: string[] = [];
    const port = await serve({
      streamsPerSecond: 10,
      streamBurst: 5,
      admissionWaitMs: 1_000,
      hooks: { streamRefused: ({ error }) => refused.push(error.name) },
    });
    let answers = 0;
    const streams = arrive(port, 50, () => {
      answers += 1;
    });
    expect(await Promise.race(streams.map(({ ended }) => ended))).toEqual({
      code: status.UNAVAILABLE,
      message: expect.stringMatching(/^too many streams arrive: \d+ wait, and none may wait for/),
    });
    await eventually(() => refused.length + answers === 50);
    expect(answers).toBeGreaterThanOrEqual(15);
    expect(refused.every((name) => name === Overloaded.name)).toBe(true);
  });

  it('forgets who goes away while waiting', async () => {
    const port = await serve({ streamsPerSecond: 1, streamBurst: 1 });
    const streams = arrive(port, 6, () => undefined);
    await eventually(() => server.load().waiting === 5);
    for (const stream of streams) {
      stream.close();
    }
    await eventually(() => server.load().waiting === 0);
    expect(server.load().streams).toBe(0);
  });

  it('answers nobody before it is ready, and says why', async () => {
    let reason: string | undefined = 'no revision is loaded';
    const port = await serve({ notReady: () => reason });
    let answers = 0;
    const [early] = arrive(port, 1, () => {
      answers += 1;
    });
    expect(await early?.ended).toEqual({
      code: status.UNAVAILABLE,
      message: 'no revision is loaded',
    });
    reason = undefined;
    arrive(port, 1, () => {
      answers += 1;
    });
    await eventually(() => answers === 1);
  });

  it('asks again whether it is ready when the turn of a stream has come', async () => {
    let reason: string | undefined;
    const port = await serve({ notReady: () => reason, streamsPerSecond: 5, streamBurst: 1 });
    let answers = 0;
    const [, late] = arrive(port, 2, () => {
      answers += 1;
    });
    await eventually(() => answers === 1 && server.load().waiting === 1);
    reason = 'the store is gone';
    expect(await late?.ended).toEqual({ code: status.UNAVAILABLE, message: 'the store is gone' });
  });

  it('takes no more connections than it may', async () => {
    const port = await serve({ connectionsMax: 2 });
    let answers = 0;
    const streams = arrive(port, 75, () => {
      answers += 1;
    });
    expect(await streams.at(-1)?.ended).toMatchObject({ code: -1 });
    await eventually(() => answers === 50);
    expect(server.load()).toMatchObject({ connections: 2, streams: 50 });
  });
});
