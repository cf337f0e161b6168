import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { insertOnce } from './clickhouse/table-writer.js';
import { LOGS, type Signal, TRACES } from './otlp/signal.js';
import { ANYBODY } from './peer/peer.js';
import { migrate } from './schema/migrate.js';
import { logRecord, logsRequest, nowNs, SOURCE, spansRequest } from './testing/otlp-requests.js';
import { RunningClickHouse } from './testing/running-clickhouse.js';
import { edgeHistory, edgeTotals, liveTraffic, recentDenials, trace } from './traffic-queries.js';

jest.setTimeout(30_000);

const TRACE = 'ab'.repeat(16);
const DESTINATION = { ...SOURCE, reporter: 'destination' };
const NOT_AGREED = { status: '403', operation: 'fare.get-estimate', path: '/v1/estimates/7' };

describe('what is read from the traffic', () => {
  let clickhouse: RunningClickHouse;
  const nowMs = Date.now();

  async function store(signal: Signal, bytes: Buffer): Promise<void> {
    for (const rows of signal.decode(bytes, ANYBODY, nowNs()).tables) {
      await insertOnce(
        clickhouse.client,
        rows,
        `${signal.name}-${rows.text.length}-${Math.random()}`,
      );
    }
  }

  beforeAll(async () => {
    clickhouse = await RunningClickHouse.start();
    await migrate(clickhouse.client);
    await migrate(clickhouse.client);
    const at = { timeUnixNano: BigInt(nowMs - 5_000) * 1_000_000n };
    const records = [
      // 100 estimates of 1 to 100 ms at both sides, 2 of which fail and 1 has no answer
      ...Array.from({ length: 100 }, (_, index) => {
        const request_id = `e-${index}`;
        const duration_us = String((index + 1) * 1_000);
        const status = index < 2 ? '503' : index === 2 ? '0' : '200';
        return [SOURCE, DESTINATION].map((side) =>
          logRecord(
            { ...side, request_id, duration_us, status },
            { ...at, traceId: Buffer.alloc(16, 1) },
          ),
        );
      }).flat(),
      // refused by the caller's own sidecar
      ...[1, 2, 3].map((order) =>
        logRecord(
          {
            ...SOURCE,
            callee: 'ledger',
            operation: 'denied',
            authorization: 'denied',
            edge: '-',
            status: '403',
            path: `/v1/orders/${order}/lines`,
            request_id: `d-${order}`,
          },
          at,
        ),
      ),
      // refused by the callee's sidecar, after the caller's let it through
      logRecord({ ...SOURCE, ...NOT_AGREED, request_id: 'c-1' }, at),
      logRecord({ ...DESTINATION, ...NOT_AGREED, authorization: 'denied', request_id: 'c-1' }, at),
      // refused by the callee's sidecar, made around the caller's
      logRecord(
        {
          ...DESTINATION,
          ...NOT_AGREED,
          caller: 'rogue',
          authorization: 'denied',
          request_id: 'x-1',
        },
        at,
      ),
      // an hour ago, one request of the trace
      logRecord(
        { ...SOURCE, request_id: 'old' },
        {
          timeUnixNano: BigInt(nowMs - 3_600_000) * 1_000_000n,
          traceId: Buffer.from(TRACE, 'hex'),
        },
      ),
    ];
    await store(LOGS, logsRequest(records));
    await store(
      TRACES,
      spansRequest([{ traceId: Buffer.from(TRACE, 'hex'), name: 'POST /v1/estimates' }], {
        'service.name': 'fare',
      }),
    );
  });

  afterAll(() => clickhouse.stop());

  it('live traffic: rates, errors, denials of both sides, latencies', async () => {
    const traffic = await liveTraffic(clickhouse.client, { seconds: 60 });
    const perMinute = traffic.map((edge) => [
      edge.caller,
      edge.callee,
      edge.operation,
      Math.round(edge.requestsPerSecond * 60),
      Math.round(edge.errorsPerSecond * 60),
      Math.round(edge.deniedPerSecond * 60),
    ]);
    expect(perMinute).toEqual([
      ['rogue', 'fare', 'fare.get-estimate', 1, 0, 1],
      ['trips', 'fare', 'fare.estimate', 100, 3, 0],
      ['trips', 'fare', 'fare.get-estimate', 1, 0, 1],
      ['trips', 'ledger', 'denied', 3, 0, 3],
    ]);
    const latencies = traffic[1];
    expect(Math.abs((latencies?.p50Us ?? 0) / 50_000 - 1)).toBeLessThan(0.03);
    expect(Math.abs((latencies?.p95Us ?? 0) / 95_000 - 1)).toBeLessThan(0.03);
    expect(Math.abs((latencies?.p99Us ?? 0) / 99_000 - 1)).toBeLessThan(0.03);
    await expect(liveTraffic(clickhouse.client, { seconds: 0 })).rejects.toThrow(RangeError);
  });

  it('history of an edge, by minutes and by hours', async () => {
    const range = { fromMs: nowMs - 2 * 3_600_000, toMs: nowMs + 60_000 };
    const minutes = await edgeHistory(clickhouse.client, 'trips', 'fare', range, 60);
    expect(minutes.map(({ requests, errors }) => [requests, errors])).toEqual([
      [1, 0],
      [101, 3],
    ]);
    expect(minutes[0]?.timeMs).toBe(Math.floor((nowMs - 3_600_000) / 60_000) * 60_000);
    expect(Math.abs((minutes[1]?.p99Us ?? 0) / 99_000 - 1)).toBeLessThan(0.03);
    const hours = await edgeHistory(clickhouse.client, 'trips', 'fare', range, 3_600);
    expect(hours.reduce((sum, { requests }) => sum + requests, 0)).toBe(102);
    await expect(edgeHistory(clickhouse.client, 'a', 'b', range, 1)).rejects.toThrow(RangeError);
  });

  it('recent denials, each counted once, with ids out of their paths', async () => {
    const denials = await recentDenials(clickhouse.client, 10, nowMs - 60_000);
    const text = denials
      .map(
        (d) =>
          `${d.count} ${d.caller}->${d.callee} ${d.method} ${d.path} ${d.operation} by ${d.reporter}`,
      )
      .sort();
    expect(text).toEqual([
      '1 rogue->fare POST /v1/estimates/{id} fare.get-estimate by destination',
      '1 trips->fare POST /v1/estimates/{id} fare.get-estimate by destination',
      '3 trips->ledger POST /v1/orders/{id}/lines denied by source',
    ]);
    expect(denials[0]?.lastMs).toBe(nowMs - 5_000);
    expect(await recentDenials(clickhouse.client, 10, nowMs)).toEqual([]);
  });

  it('a trace: its spans and its requests', async () => {
    const found = await trace(clickhouse.client, TRACE);
    expect(
      found.spans.map(({ service, name, kind, durationUs }) => ({
        service,
        name,
        kind,
        durationUs,
      })),
    ).toEqual([
      {
        service: 'fare',
        name: 'POST /v1/estimates',
        kind: 'server',
        durationUs: expect.any(Number),
      },
    ]);
    expect(
      found.requests.map(({ reporter, requestId, startUs }) => ({ reporter, requestId, startUs })),
    ).toEqual([{ reporter: 'source', requestId: 'old', startUs: (nowMs - 3_600_000) * 1_000 }]);
    expect(await trace(clickhouse.client, "' OR 1 = 1 --")).toMatchObject({
      spans: [],
      requests: [],
    });
  });

  it('exact totals', async () => {
    expect(
      await edgeTotals(clickhouse.client, { fromMs: nowMs - 60_000, toMs: nowMs + 60_000 }),
    ).toEqual([
      { caller: 'trips', callee: 'fare', requests: 101, errors: 3, denied: 0 },
      { caller: 'trips', callee: 'ledger', requests: 3, errors: 0, denied: 3 },
    ]);
    expect(
      await clickhouse.row(`SELECT sum(requests) AS requests, round(quantilesDDMerge(0.01, 0.5, 0.9, 0.95, 0.99)(latency)[1], -3) AS median
        FROM dotline.edge_hourly_totals WHERE reporter = 'destination' AND authorization = 'allowed'`),
    ).toEqual({ requests: 100, median: expect.any(Number) });
  });
});
