import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { insertOnce } from './clickhouse/table-writer.js';
import { CollectorMetrics } from './collector-metrics.js';
import { LOGS } from './otlp/signal.js';
import { ANYBODY } from './peer/peer.js';
import { Ingest } from './receivers/ingest.js';
import { SegmentStore } from './spool/segment-store.js';
import { DEFAULT_BOUNDS, Spool, type SpoolEvents } from './spool/spool.js';
import { counted, countsOf } from './testing/counts.js';
import { accessLogRequest } from './testing/otlp-requests.js';
import { RunningClickHouse } from './testing/running-clickhouse.js';
import { OtlpClient, RunningCollector } from './testing/running-collector.js';

jest.setTimeout(60_000);

const ids = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `r-${from + i}`);

describe('every request is counted once in the raw table and in both rollups', () => {
  let clickhouse: RunningClickHouse;
  let directory = '';

  const startCollector = (spool: string, url = clickhouse.url, ports?: RunningCollector['ports']) =>
    RunningCollector.start(
      { CLICKHOUSE_URL: url, OTLP_PLAINTEXT: 'true', SPOOL_DIRECTORY: join(directory, spool) },
      ports,
    );

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'collectors-'));
    clickhouse = await RunningClickHouse.start();
    const collector = await startCollector('first');
    await collector.healthy();
    await collector.stop();
  });

  afterAll(async () => {
    await clickhouse.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('when the same bytes are sent again, at once and later', async () => {
    const collector = await startCollector('again');
    const client = new OtlpClient(`127.0.0.1:${collector.ports.grpc}`);
    const bytes = accessLogRequest(ids(10), { caller: 'again' });
    await Promise.all([client.send(LOGS, bytes), client.send(LOGS, bytes)]);
    await client.send(LOGS, bytes);
    expect(await countsOf(clickhouse, 'again')).toEqual(counted(10));
    client.close();
    await collector.stop();
  });

  it('when the collector dies after ClickHouse has the rows and before it can say so', async () => {
    let collector: RunningCollector | undefined;
    // Passes an insert on, then kills the collector instead of answering it.
    const proxy = await startProxy(clickhouse.url, async (isInsert) => {
      if (isInsert) await collector?.kill();
    });
    const spool = 'killed';
    collector = await startCollector(spool, proxy.url);
    await collector.healthy();
    const client = new OtlpClient(`127.0.0.1:${collector.ports.grpc}`);
    const bytes = accessLogRequest(ids(7), { caller: 'killed' });
    await expect(client.send(LOGS, bytes)).rejects.toThrow();
    expect((await countsOf(clickhouse, 'killed')).raw).toBe(7);

    const successor = await startCollector(spool, clickhouse.url, collector.ports);
    // Sent again in other company than the first time.
    await Promise.all([
      client.sendUntilStored(LOGS, bytes),
      client.sendUntilStored(LOGS, accessLogRequest(ids(3, 100), { caller: 'killed' })),
    ]);
    expect(await countsOf(clickhouse, 'killed')).toEqual(counted(10));
    client.close();
    await successor.stop();
    proxy.server.close();
    proxy.server.closeAllConnections();
  });

  it('when ClickHouse and the collector are killed again and again under load', async () => {
    let collector = await startCollector('storm');
    const { ports } = collector;
    const client = new OtlpClient(`127.0.0.1:${ports.grpc}`);
    let sent = 0;
    const senders = Array.from({ length: 6 }, async (_, sender) => {
      for (let batch = 0; batch < 15; batch += 1) {
        const names = ids(5, sender * 1_000 + batch * 5);
        await client.sendUntilStored(LOGS, accessLogRequest(names, { caller: 'storm' }));
        sent += names.length;
      }
    });
    for (let round = 0; round < 2; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 400));
      await clickhouse.killAndRestart();
      await new Promise((resolve) => setTimeout(resolve, 300));
      await collector.kill();
      collector = await startCollector('storm', clickhouse.url, ports);
    }
    await Promise.all(senders);
    expect(sent).toBe(450);
    expect(await countsOf(clickhouse, 'storm')).toEqual(counted(450));
    client.close();
    await collector.stop();
  });

  it('however the records are parted, repeated and interleaved, over restarts (property)', async () => {
    let caseNumber = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            size: fc.integer({ min: 1, max: 20 }),
            sends: fc.integer({ min: 1, max: 3 }),
          }),
          {
            minLength: 1,
            maxLength: 12,
          },
        ),
        fc.array(fc.nat(), { minLength: 36, maxLength: 36 }),
        fc.boolean(),
        async (requests, order, restart) => {
          caseNumber += 1;
          const caller = `case-${caseNumber}`;
          let from = 0;
          const deliveries = requests.flatMap(({ size, sends }) => {
            const bytes = accessLogRequest(ids(size, from), { caller });
            from += size;
            return Array.from({ length: sends }, () => bytes);
          });
          const shuffled = deliveries
            .map((bytes, index) => ({ bytes, key: order[index] ?? 0 }))
            .sort((left, right) => left.key - right.key)
            .map(({ bytes }) => bytes);
          const half = restart ? Math.floor(shuffled.length / 2) : shuffled.length;
          const spool = join(directory, caller);
          for (const part of [shuffled.slice(0, half), shuffled.slice(half)]) {
            const { ingest, close } = await openIngest(clickhouse, spool);
            const outcomes = await Promise.all(
              part.map((bytes) => ingest.take(LOGS, bytes, ANYBODY)),
            );
            expect(outcomes.every(({ kind }) => kind === 'stored')).toBe(true);
            await close();
          }
          expect(await countsOf(clickhouse, caller)).toEqual(counted(from));
        },
      ),
      { numRuns: 12 },
    );
  });
});

async function openIngest(clickhouse: RunningClickHouse, directory: string) {
  const nothing: SpoolEvents = { stored() {}, retried() {}, refused() {}, damaged() {} };
  const spool = await Spool.open(
    await SegmentStore.open(directory),
    (rows, token) => insertOnce(clickhouse.client, rows, token),
    nothing,
    { ...DEFAULT_BOUNDS, gatherMs: 5, gatherBytesMax: 4_000, segmentBytesMax: 4_000 },
  );
  const ingest = new Ingest(spool, new CollectorMetrics(() => spool.load));
  return { ingest, close: () => spool.close() };
}

/** Passes requests on to ClickHouse; `afterAnswer` runs before the answer goes back. */
async function startProxy(
  target: string,
  afterAnswer: (isInsert: boolean) => Promise<void>,
): Promise<{ server: Server; url: string }> {
  const { origin, username, password } = new URL(target);
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const answer = await fetch(`${origin}${request.url}`, {
      method: request.method ?? 'GET',
      headers: { authorization: request.headers.authorization ?? '' },
      ...(request.method === 'POST' ? { body: Buffer.concat(chunks) } : {}),
    });
    const body = Buffer.from(await answer.arrayBuffer());
    await afterAnswer(request.url?.includes('INSERT') ?? false);
    response.writeHead(answer.status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://${username}:${password}@127.0.0.1:${port}` };
}
