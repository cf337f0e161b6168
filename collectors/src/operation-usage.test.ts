import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { insertOnce } from './clickhouse/table-writer.js';
import { deniedAttempts } from './denied-attempts.js';
import { operationUsage } from './operation-usage.js';
import { LOGS } from './otlp/signal.js';
import { ANYBODY } from './peer/peer.js';
import { migrate } from './schema/migrate.js';
import { logRecord, logsRequest, SOURCE } from './testing/otlp-requests.js';
import { RunningClickHouse } from './testing/running-clickhouse.js';

jest.setTimeout(30_000);

const HOUR_MS = 3_600_000;
const DENIED = { operation: 'denied', authorization: 'denied', status: '403' };

let clickhouse: RunningClickHouse;
const nowMs = Date.now();
const hourOf = (hoursAgo: number) => Math.floor((nowMs - hoursAgo * HOUR_MS) / HOUR_MS) * HOUR_MS;

/** Stores requests as if they came when they were made: what comes late is dated otherwise. */
async function store(hoursAgo: number, count: number, request: Record<string, string>) {
  const atNs = BigInt(nowMs - hoursAgo * HOUR_MS) * 1_000_000n;
  const records = Array.from({ length: count }, (_, index) =>
    logRecord(
      { ...SOURCE, request_id: `${hoursAgo}-${index}`, ...request },
      { timeUnixNano: atNs },
    ),
  );
  const token = `${hoursAgo} ${JSON.stringify(request)}`;
  for (const rows of LOGS.decode(logsRequest(records), ANYBODY, atNs).tables)
    await insertOnce(clickhouse.client, rows, token);
}

beforeAll(async () => {
  clickhouse = await RunningClickHouse.start();
  await migrate(clickhouse.client);
});

afterAll(() => clickhouse.stop());

it('knows nothing of a mesh without records', async () => {
  expect(await operationUsage(clickhouse.client, 30, nowMs)).toEqual({
    fromMs: hourOf(30 * 24),
    untilMs: nowMs,
    historySinceMs: null,
    hoursRecorded: 0,
    operations: [],
  });
  expect(await deniedAttempts(clickhouse.client, 7, nowMs)).toMatchObject({
    complete: true,
    attempts: [],
  });
});

describe('a mesh with records', () => {
  beforeAll(async () => {
    await store(1, 3, { operation: 'fare.estimate' });
    await store(1, 4, { operation: 'fare.estimate', reporter: 'destination' });
    await store(50, 5, { operation: 'fare.estimate', status: '503' });
    await store(50, 6, { operation: 'fare.get-estimate' });
    await store(2, 2, { ...DENIED, method: 'GET', path: '/v1/rates' });
    await store(2, 2, { ...DENIED, method: 'GET', path: '/v1/rates', reporter: 'destination' });
    await store(3, 1, { ...DENIED, method: 'POST', path: '/v1/rates', reporter: 'destination' });
    await store(40, 7, { ...DENIED, method: 'GET', path: '/v1/rates' });
  });

  it('counts what was used in the window, and says when each was used last', async () => {
    const { historySinceMs, hoursRecorded, operations } = await operationUsage(
      clickhouse.client,
      1,
      nowMs,
    );
    expect(operations.map((each) => [each.operation, each.requests, each.lastSeenMs])).toEqual([
      ['fare.estimate', 3, hourOf(1)],
      ['fare.get-estimate', 0, hourOf(50)],
    ]);
    expect(historySinceMs).toBe(hourOf(50));
    expect(hoursRecorded).toBe(3);
  });

  it('counts each denied request once, whoever refused it', async () => {
    const { attempts, complete } = await deniedAttempts(clickhouse.client, 1, nowMs);
    expect(complete).toBe(true);
    expect(attempts.map((each) => [each.method, each.path, each.requests])).toEqual([
      ['GET', '/v1/rates', 2],
      ['POST', '/v1/rates', 1],
    ]);
    expect(attempts[0]).toMatchObject({ caller: 'trips', callee: 'fare' });
    expect(attempts[0]?.lastMs).toBeCloseTo(nowMs - 2 * HOUR_MS, -3);
    const week = await deniedAttempts(clickhouse.client, 30, nowMs);
    expect(week.attempts[0]?.requests).toBe(9);
    expect(week.fromMs).toBe(nowMs - 7 * 24 * HOUR_MS);
  });
});
