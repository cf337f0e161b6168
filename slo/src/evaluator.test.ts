import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { migrate as migrateTelemetry } from '@dotline/collectors/schema/migrate';
import type { Objective } from '@dotline/model/mesh';
import { RecordedSpans } from '@dotline/platform-process/testing/recorded-spans';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { Evaluator } from './evaluator.js';
import { countEvents } from './indicator-query.js';
import { ensureIndicatorRollup } from './indicator-rollup.js';
import { readObjectiveStatuses } from './objective-status-store.js';
import { type RunningStore, startClickHouse, startPostgresql } from './testing/running-stores.js';

jest.setTimeout(60_000);

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Twenty past the hour, so that windows of minutes and hours begin where the tests expect. */
const NOW_MS = Math.floor(Date.now() / HOUR_MS) * HOUR_MS + 20 * 60_000;

const availability: Objective = {
  name: 'fare-availability',
  title: 'Fares are answered',
  service: 'fare',
  team: 'pricing',
  indicator: { kind: 'availability' },
  target: 0.99,
  windowDays: 28,
  file: 'slo/objectives/pricing/fare.yaml',
  line: 6,
};
const latency: Objective = {
  ...availability,
  name: 'fare-latency',
  indicator: { kind: 'latency', thresholdMs: 200 },
  target: 0.9,
};

interface Requests {
  readonly atMs: number;
  readonly count: number;
  readonly callee?: string;
  readonly status?: number;
  readonly durationUs?: number;
  readonly reporter?: 'source' | 'destination';
  readonly authorization?: 'allowed' | 'denied';
}

let clickhouseServer: Awaited<ReturnType<typeof startClickHouse>>;
let postgresqlServer: RunningStore;
let clickhouse: ClickHouseClient;
let database: pg.Pool;

async function insert(
  requests: readonly Requests[],
  token: string = crypto.randomUUID(),
): Promise<void> {
  const values = requests.flatMap((request) =>
    Array.from({ length: request.count }, () => ({
      time: new Date(request.atMs).toISOString().slice(0, -1).replace('T', ' '),
      reporter: request.reporter ?? 'source',
      caller: 'rider-app',
      callee: request.callee ?? 'fare',
      edge: 'rider-app->fare',
      operation: 'fare.estimate',
      authorization: request.authorization ?? 'allowed',
      status: request.status ?? 200,
      duration_us: request.durationUs ?? 20_000,
    })),
  );
  await clickhouse.insert({
    table: 'dotline.access_log',
    values,
    columns: Object.keys(values[0] ?? {}) as [string, ...string[]],
    format: 'JSONEachRow',
    clickhouse_settings: {
      async_insert: 0,
      insert_deduplication_token: token,
      deduplicate_blocks_in_dependent_materialized_views: 1,
    },
  });
}

/** The live revision as the control plane stores it, the part of it that the evaluator reads. */
async function goLive(id: string, objectives: readonly Objective[]): Promise<void> {
  const teams = [{ name: 'pricing', colour: '#112233', contact: '#pricing' }];
  await database.query('insert into control_plane.revisions values ($1, $2)', [
    id,
    JSON.stringify({ mesh: { objectives, teams } }),
  ]);
  await database.query('delete from control_plane.live');
  await database.query('insert into control_plane.live values ($1)', [id]);
}

beforeAll(async () => {
  [clickhouseServer, postgresqlServer] = await Promise.all([startClickHouse(), startPostgresql()]);
  clickhouse = createClient({
    url: clickhouseServer.url,
    log: { level: ClickHouseLogLevel.OFF },
  });
  database = new pg.Pool({ connectionString: postgresqlServer.url });
  database.on('error', () => undefined);
  await migrateTelemetry(clickhouse);
  await database.query(`create schema control_plane;
    create table control_plane.revisions (id text primary key, content jsonb not null);
    create table control_plane.live (revision_id text not null)`);
});

afterAll(async () => {
  await clickhouse?.close();
  await database?.end();
  await Promise.all([clickhouseServer?.remove(), postgresqlServer?.remove()]);
});

beforeEach(async () => {
  for (const query of [
    'DROP VIEW IF EXISTS dotline.slo_minutely_view SYNC',
    'TRUNCATE TABLE IF EXISTS dotline.access_log',
    'TRUNCATE TABLE IF EXISTS dotline.slo_minutely',
    'TRUNCATE TABLE IF EXISTS dotline.slo_hourly',
  ]) {
    await clickhouse.command({ query });
  }
  await database.query('drop schema if exists slo cascade');
  await database.query('delete from control_plane.live');
  await database.query('delete from control_plane.revisions');
});

it.each([
  ['just before an hour', -1],
  ['at an hour', 0],
  ['just after an hour', 1],
  ['where the rollup begins a whole hour later', HOUR_MS - 10_001],
  ['where the rollup begins within this hour', HOUR_MS - 9_999],
  ['just before a minute', 17 * 60_000 - 1],
  ['at a minute', 17 * 60_000],
])('what was inserted a moment ago is counted %s', async (_name, offsetMs) => {
  const nowMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS + offsetMs;
  await goLive('now', [availability]);
  await insert([
    { atMs: nowMs - 500, count: 40 },
    { atMs: nowMs - 500, count: 10, status: 503 },
  ]);
  const evaluation = await new Evaluator(database, clickhouse).evaluate(nowMs);
  expect(evaluation?.evaluations[0]?.counts).toEqual({ good: 40, total: 50 });
  // After the rollup exists: from it or from the raw rows, whichever holds the minute.
  await insert([{ atMs: nowMs + 30_000, count: 5 }]);
  const later = await new Evaluator(database, clickhouse).evaluate(nowMs + 31_000);
  expect(later?.evaluations[0]?.counts).toEqual({ good: 45, total: 55 });
});

describe('counting events', () => {
  const windows = async (objective: Objective, sinceMs: number, nowMs = NOW_MS) => {
    const counts = await countEvents(clickhouse, [objective], { nowMs, sinceMs });
    return Object.fromEntries(counts.get(objective.name) ?? []);
  };

  /** Spread over the windows, with everything that must not count. */
  const history: Requests[] = [
    { atMs: NOW_MS - 60_000, count: 90 },
    { atMs: NOW_MS - 60_000, count: 6, status: 503 },
    { atMs: NOW_MS - 60_000, count: 4, status: 0 },
    { atMs: NOW_MS - 60_000, count: 500, status: 403, authorization: 'denied' },
    { atMs: NOW_MS - 60_000, count: 500, status: 503, authorization: 'denied' },
    { atMs: NOW_MS - 60_000, count: 100, reporter: 'destination', status: 500 },
    { atMs: NOW_MS - 60_000, count: 100, callee: 'orders', status: 500 },
    { atMs: NOW_MS - 20 * 60_000, count: 10, status: 404 },
    { atMs: NOW_MS - 3 * HOUR_MS, count: 10, status: 500 },
    { atMs: NOW_MS - 2 * DAY_MS, count: 1000 },
    { atMs: NOW_MS - 20 * DAY_MS, count: 80 },
    { atMs: NOW_MS - 30 * DAY_MS, count: 5000, status: 500 },
  ];
  const expected = {
    300: { good: 90, total: 100 },
    1800: { good: 100, total: 110 },
    3600: { good: 100, total: 110 },
    7200: { good: 100, total: 110 },
    21600: { good: 100, total: 120 },
    86400: { good: 100, total: 120 },
    259200: { good: 1100, total: 1120 },
    2419200: { good: 1180, total: 1200 },
  };

  it('counts by the rollup what happened since it is complete', async () => {
    const sinceMs = await ensureIndicatorRollup(clickhouse, NOW_MS - 40 * DAY_MS);
    await insert(history);
    await clickhouse.command({ query: 'TRUNCATE TABLE dotline.access_log' });
    expect(await windows(availability, sinceMs)).toEqual(expected);
    // Merging changes nothing.
    await clickhouse.command({ query: 'OPTIMIZE TABLE dotline.slo_minutely FINAL' });
    await clickhouse.command({ query: 'OPTIMIZE TABLE dotline.slo_hourly FINAL' });
    expect(await windows(availability, sinceMs)).toEqual(expected);
  });

  it('counts in the access log what happened before', async () => {
    // Raw records are kept for a week.
    const week = { ...availability, windowDays: 6 };
    await insert(history.slice(0, -2));
    const sinceMs = await ensureIndicatorRollup(clickhouse, NOW_MS);
    await insert([{ atMs: NOW_MS - HOUR_MS - 60_000, count: 7 }]);
    expect(await windows(week, sinceMs)).toMatchObject({
      300: { good: 90, total: 100 },
      7200: { good: 107, total: 117 },
      518400: { good: 1107, total: 1127 },
    });
  });

  it('joins both at the moment since which the rollup is complete, without gap or overlap', async () => {
    await insert([
      { atMs: NOW_MS - 2 * HOUR_MS, count: 3 },
      { atMs: NOW_MS - 90 * 60_000, count: 5 },
    ]);
    const sinceMs = await ensureIndicatorRollup(clickhouse, NOW_MS - 70 * 60_000);
    expect(sinceMs).toBe(NOW_MS - 20 * 60_000);
    await insert([
      { atMs: sinceMs - 1000, count: 7 },
      { atMs: sinceMs, count: 11 },
    ]);
    const result = await windows(availability, sinceMs);
    expect(result[3600]?.total).toBe(18);
    expect(result[21600]?.total).toBe(26);
    expect(result[86400]?.total).toBe(26);
    expect(await ensureIndicatorRollup(clickhouse, NOW_MS)).toBe(sinceMs);
  });

  it('counts late records in the time in which they happened, and repeated batches once', async () => {
    const sinceMs = await ensureIndicatorRollup(clickhouse, NOW_MS - 40 * DAY_MS);
    await insert([{ atMs: NOW_MS - 60_000, count: 10 }]);
    const late = [{ atMs: NOW_MS - 26 * HOUR_MS, count: 40, status: 500 }];
    await insert(late, 'batch-1');
    await insert(late, 'batch-1');
    const result = await windows(availability, sinceMs);
    expect(result[86400]).toEqual({ good: 10, total: 10 });
    expect(result[259200]).toEqual({ good: 10, total: 50 });
    expect(result[2419200]).toEqual({ good: 10, total: 50 });
  });

  it.each([
    [200, 3],
    [201, 5],
    [1, 1],
    [5000, 6],
  ])(
    'a threshold of %d ms, also one that is new, has %d good requests',
    async (thresholdMs, good) => {
      const sinceMs = await ensureIndicatorRollup(clickhouse, NOW_MS - 40 * DAY_MS);
      const durations = [900, 199_999, 200_000, 200_001, 201_000, 5_000_000];
      await insert(
        durations.map((durationUs) => ({ atMs: NOW_MS - 60_000, count: 1, durationUs })),
      );
      const objective: Objective = { ...latency, indicator: { kind: 'latency', thresholdMs } };
      const expectedCounts = { good, total: 6 };
      expect((await windows(objective, sinceMs))[300]).toEqual(expectedCounts);
      expect((await windows(objective, NOW_MS))[300]).toEqual(expectedCounts);
    },
  );

  it('answers for many objectives at once, also for those without events', async () => {
    const sinceMs = await ensureIndicatorRollup(clickhouse, NOW_MS - 40 * DAY_MS);
    await insert(history);
    const idle: Objective = { ...availability, name: "it's idle", service: "o'service" };
    const counts = await countEvents(clickhouse, [availability, idle, latency], {
      nowMs: NOW_MS,
      sinceMs,
    });
    expect(counts.get(idle.name)?.get(300)).toEqual({ good: 0, total: 0 });
    expect(counts.get(latency.name)?.get(300)).toEqual({ good: 100, total: 100 });
    expect(counts.get(availability.name)?.get(300)).toEqual({ good: 90, total: 100 });
  });
});

describe('evaluating', () => {
  it('waits for the schemas and the first revision of others', async () => {
    await clickhouse.command({ query: 'RENAME TABLE dotline.access_log TO dotline.not_yet' });
    const evaluator = new Evaluator(database, clickhouse);
    await expect(evaluator.evaluate(NOW_MS)).rejects.toThrow(/^ClickHouse: .*access_log/);
    await clickhouse.command({ query: 'RENAME TABLE dotline.not_yet TO dotline.access_log' });
    expect(await evaluator.evaluate(NOW_MS)).toBeUndefined();
    await goLive('r1', [availability]);
    expect((await evaluator.evaluate(NOW_MS))?.evaluations).toHaveLength(1);
  });

  it('is one trace, with each reading of a store and its failure', async () => {
    const recorded = RecordedSpans.start();
    try {
      const evaluator = new Evaluator(database, clickhouse);
      await goLive('r1', [availability, latency]);
      await evaluator.evaluate(NOW_MS);
      const [root] = recorded.finished.slice(-1);
      if (root === undefined) throw new Error('no span');
      expect(root).toMatchObject({
        name: 'evaluate objectives',
        attributes: { 'dotline.revision': 'r1', 'dotline.objectives': 2 },
      });
      expect(
        recorded.below(root).map(({ name, attributes }) => [name, attributes['db.system.name']]),
      ).toEqual([
        ['ensure rollup', 'clickhouse'],
        ['read objectives', 'postgresql'],
        ['count events', 'clickhouse'],
        ['keep evaluations', 'postgresql'],
      ]);

      recorded.reset();
      await clickhouse.command({ query: 'RENAME TABLE dotline.slo_minutely TO dotline.not_there' });
      await expect(evaluator.evaluate(NOW_MS)).rejects.toThrow(/^ClickHouse: /);
      await clickhouse.command({ query: 'RENAME TABLE dotline.not_there TO dotline.slo_minutely' });
      expect(recorded.finished.map(({ name, status }) => [name, status.message])).toEqual([
        ['read objectives', undefined],
        ['count events', expect.stringContaining('slo_minutely')],
        ['evaluate objectives', expect.stringContaining('ClickHouse: ')],
      ]);
    } finally {
      await recorded.stop();
    }
  });

  it('keeps exact figures, and forgets objectives that are no more', async () => {
    await goLive('r1', [availability, latency]);
    await insert([
      { atMs: NOW_MS - 60_000, count: 195 },
      { atMs: NOW_MS - 60_000, count: 4, durationUs: 200_001 },
      { atMs: NOW_MS - 60_000, count: 1, status: 502 },
      { atMs: NOW_MS - 60_000, count: 300, status: 403, authorization: 'denied' },
    ]);
    const evaluator = new Evaluator(database, clickhouse);
    await evaluator.evaluate(NOW_MS);
    const [first, second] = await readObjectiveStatuses(database);
    expect(first).toMatchObject({
      objective: availability,
      revisionId: 'r1',
      good: 199,
      total: 200,
      sli: 0.995,
      alert: 'ok',
      alertSinceMs: NOW_MS,
      evaluatedAtMs: NOW_MS,
    });
    expect(first?.budgetLeft).toBeCloseTo(0.5, 9);
    expect(first?.burnRates.map(({ window }) => window)).toEqual([
      '5m',
      '30m',
      '1h',
      '2h',
      '6h',
      '1d',
      '3d',
    ]);
    for (const { burnRate } of first?.burnRates ?? []) expect(burnRate).toBeCloseTo(0.5, 9);
    expect(second).toMatchObject({ objective: latency, good: 196, total: 200, sli: 0.98 });
    expect(second?.budgetLeft).toBeCloseTo(0.8, 9);

    await goLive('r2', [latency]);
    await evaluator.evaluate(NOW_MS);
    expect((await readObjectiveStatuses(database)).map((status) => status.objective.name)).toEqual([
      'fare-latency',
    ]);
  });

  it('says nothing about an objective without events', async () => {
    await goLive('r1', [availability]);
    await new Evaluator(database, clickhouse).evaluate(NOW_MS);
    const [status] = await readObjectiveStatuses(database);
    expect(status).toMatchObject({ total: 0, sli: null, budgetLeft: null, burnRates: [] });
    expect(status?.alert).toBe('ok');
  });

  it('denied attempts never burn the budget of the callee', async () => {
    await goLive('r1', [availability]);
    await insert([
      { atMs: NOW_MS - 60_000, count: 100 },
      { atMs: NOW_MS - 60_000, count: 5000, status: 403, authorization: 'denied' },
      { atMs: NOW_MS - 60_000, count: 5000, status: 503, authorization: 'denied' },
      {
        atMs: NOW_MS - 60_000,
        count: 5000,
        status: 403,
        authorization: 'denied',
        reporter: 'destination',
      },
    ]);
    await new Evaluator(database, clickhouse).evaluate(NOW_MS);
    const [status] = await readObjectiveStatuses(database);
    expect(status).toMatchObject({ good: 100, total: 100, sli: 1, budgetLeft: 1, alert: 'ok' });
  });

  it('fires at once, tells it once however many evaluators run, and ends after a minute of quiet', async () => {
    await goLive('r1', [availability]);
    await insert([
      { atMs: NOW_MS - 60_000, count: 80 },
      { atMs: NOW_MS - 60_000, count: 20, status: 500 },
    ]);
    const one = new Evaluator(database, clickhouse);
    const other = new Evaluator(database, clickhouse);
    const told = (await Promise.all([one.evaluate(NOW_MS), other.evaluate(NOW_MS)]))
      .flatMap((evaluation) => evaluation?.transitions ?? [])
      .map(({ severity, firing }) => ({ severity, firing }));
    // 20 % errors are 20 times the 1 % that the target allows: above 13.44 and 5.6.
    expect(told).toEqual([
      { severity: 'page', firing: true },
      { severity: 'ticket', firing: true },
    ]);
    expect((await readObjectiveStatuses(database))[0]).toMatchObject({
      alert: 'page',
      alertSinceMs: NOW_MS,
    });

    // Ten good minutes later the short windows of 5 and 30 minutes are below their thresholds.
    const laterMs = NOW_MS + 10 * 60_000;
    await insert([{ atMs: laterMs - 60_000, count: 1000 }]);
    expect((await one.evaluate(laterMs))?.transitions).toEqual([]);
    expect((await one.evaluate(laterMs + 50_000))?.transitions).toEqual([]);
    const ended = await one.evaluate(laterMs + 60_000);
    expect(ended?.transitions.map(({ severity, firing }) => ({ severity, firing }))).toEqual([
      { severity: 'page', firing: false },
    ]);
    expect((await readObjectiveStatuses(database))[0]).toMatchObject({
      alert: 'ticket',
      alertSinceMs: laterMs + 60_000,
    });
  });
});
