import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { allowedTraffic } from './allowed-traffic.js';
import { insertOnce } from './clickhouse/table-writer.js';
import { LOGS } from './otlp/signal.js';
import { ANYBODY } from './peer/peer.js';
import { migrate } from './schema/migrate.js';
import { logRecord, logsRequest, SOURCE } from './testing/otlp-requests.js';
import { RunningClickHouse } from './testing/running-clickhouse.js';

jest.setTimeout(30_000);

const HOUR_MS = 3_600_000;

let clickhouse: RunningClickHouse;
const nowMs = Date.now();

/** Requests for one operation so many hours ago. */
function records(count: number, hoursAgo: number, request: Record<string, string>) {
  const at = { timeUnixNano: BigInt(nowMs - hoursAgo * HOUR_MS) * 1_000_000n };
  return Array.from({ length: count }, (_, index) =>
    logRecord({ ...SOURCE, request_id: `${hoursAgo}-${index}`, ...request }, at),
  );
}

/** Stores records as if they came when they were made: what comes late is dated otherwise. */
async function store(hoursAgo: number, sent: ReturnType<typeof records>): Promise<void> {
  const receivedNs = BigInt(nowMs - hoursAgo * HOUR_MS) * 1_000_000n;
  for (const rows of LOGS.decode(logsRequest(sent), ANYBODY, receivedNs).tables)
    await insertOnce(clickhouse.client, rows, `${hoursAgo} hours ago`);
}

beforeAll(async () => {
  clickhouse = await RunningClickHouse.start();
  await migrate(clickhouse.client);
});

afterAll(() => clickhouse.stop());

it('is nothing since now while nothing was recorded', async () => {
  expect(await allowedTraffic(clickhouse.client, 7, nowMs)).toEqual({
    sinceMs: nowMs,
    untilMs: nowMs,
    operations: [],
  });
});

it('counts each request that was let through once, in the hours of the last days', async () => {
  await store(1, [
    ...records(3, 1, { operation: 'fare.estimate' }),
    ...records(4, 1, { operation: 'fare.estimate', reporter: 'destination' }),
    ...records(5, 1, { operation: 'fare.get-estimate' }),
    ...records(6, 1, { operation: 'denied', authorization: 'denied', status: '403' }),
  ]);
  await store(20, records(2, 20, { operation: 'fare.estimate', status: '503' }));
  await store(40, records(7, 40, { operation: 'fare.estimate' }));
  const requests = async (days: number) =>
    (await allowedTraffic(clickhouse.client, days, nowMs)).operations.map((each) => [
      `${each.caller}->${each.callee}`,
      each.operation,
      each.requests,
    ]);
  expect(await requests(1)).toEqual([
    ['trips->fare', 'fare.estimate', 5],
    ['trips->fare', 'fare.get-estimate', 5],
  ]);
  expect(await requests(2)).toEqual([
    ['trips->fare', 'fare.estimate', 12],
    ['trips->fare', 'fare.get-estimate', 5],
  ]);
  const startOfHour = (ms: number) => Math.floor(ms / HOUR_MS) * HOUR_MS;
  const since = async (days: number) =>
    (await allowedTraffic(clickhouse.client, days, nowMs)).sinceMs;
  expect(await since(7)).toBe(startOfHour(nowMs - 40 * HOUR_MS));
  expect(await since(1)).toBe(startOfHour(nowMs - 20 * HOUR_MS));
});
