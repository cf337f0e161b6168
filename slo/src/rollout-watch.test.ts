import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { migrate as migrateTelemetry } from '@dotline/collectors/schema/migrate';
import { RolloutPolicy } from '@dotline/model/rollout-policy';
import { afterAll, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { migrate } from './migrate.js';
import { RolloutWatch } from './rollout-watch.js';
import { type RunningStore, startClickHouse, startPostgresql } from './testing/running-stores.js';

jest.setTimeout(60_000);

let stores: [RunningStore, RunningStore];
let clickhouse: ClickHouseClient;
let database: pg.Pool;
let watch: RolloutWatch;

beforeAll(async () => {
  stores = await Promise.all([startClickHouse(), startPostgresql()]);
  clickhouse = createClient({ url: stores[0].url, log: { level: ClickHouseLogLevel.OFF } });
  database = new pg.Pool({ connectionString: stores[1].url });
  database.on('error', () => undefined);
  await migrateTelemetry(clickhouse);
  // The part of the control plane's tables that is read.
  await database.query(`create schema control_plane;
    create table control_plane.rollouts (id bigint primary key, state text, progress jsonb)`);
  await migrate(database);
});

afterAll(async () => {
  await clickhouse?.close();
  await database?.end();
  await Promise.all((stores ?? []).map((store) => store.remove()));
});

beforeEach(async () => {
  await clickhouse.command({ query: 'TRUNCATE TABLE dotline.access_log' });
  await database.query(
    'delete from control_plane.rollouts; delete from slo.rollout_health; delete from slo.status',
  );
  watch = new RolloutWatch(database, clickhouse, () => undefined);
});

it('says nothing while no wave is watched, not even where there is no control plane', async () => {
  await watch.look(Date.now());
  await rolls({ phase: 'moving' });
  await watch.look(Date.now());
  expect(await health()).toBeUndefined();
});

it("counts what the wave's sidecars saw, on either side, and nobody else's", async () => {
  const nowMs = Date.now();
  await rolls({ stepSinceMs: nowMs - 10_000, startedAtMs: nowMs - 12_000 });
  await insert(100, { atMs: nowMs - 60_000, status: 200 });
  await insert(20, { atMs: nowMs - 4_000, status: 503 });
  await insert(20, { atMs: nowMs - 4_000, status: 503, instance: 'fare-2' });
  await insert(20, { atMs: nowMs - 4_000, status: 200, instance: 'fare-1', reporter: 'source' });
  await watch.look(nowMs);
  expect(await health()).toMatchObject({
    step: 3,
    problem: null,
    findings: [
      {
        kind: 'errors',
        caller: 'orders',
        callee: 'fare',
        reporter: 'destination',
        before: 0,
        now: 2,
      },
    ],
  });
  expect((await health())?.seen_until_ms).toBeCloseTo(nowMs - 7_000, -1);
});

it('is not content with silence where there was traffic', async () => {
  const nowMs = Date.now();
  await rolls({ stepSinceMs: nowMs - 20_000, startedAtMs: nowMs - 21_000 });
  await insert(3_000, { atMs: nowMs - 60_000, status: 200 });
  await watch.look(nowMs);
  expect((await health())?.problem).toMatch(/no records of the wave's sidecars arrive/);
});

it('tells alerts of touched services that began during the rollout', async () => {
  const nowMs = Date.now();
  await rolls({ stepSinceMs: nowMs - 5_000, startedAtMs: nowMs - 6_000 });
  await alert('fare-availability', 'fare', nowMs - 2_000);
  await alert('fare-latency', 'fare', nowMs - 60_000);
  await alert('maps-availability', 'maps', nowMs - 2_000);
  await watch.look(nowMs);
  expect((await health())?.findings).toEqual([
    {
      kind: 'objective',
      objective: 'fare-availability',
      service: 'fare',
      severity: 'page',
      window: '5m',
      burnRate: 40,
    },
  ]);
});

it('says so when ClickHouse does not answer', async () => {
  const away = createClient({ url: 'http://127.0.0.1:9', log: { level: ClickHouseLogLevel.OFF } });
  await rolls({ stepSinceMs: Date.now() - 5_000, startedAtMs: Date.now() - 6_000 });
  await new RolloutWatch(database, away, () => undefined).look(Date.now());
  expect((await health())?.problem).toMatch(/^ClickHouse: .*ECONNREFUSED/);
  await away.close();
});

async function rolls(progress: object): Promise<void> {
  await database.query(`insert into control_plane.rollouts values (1, 'running', $1)`, [
    JSON.stringify({
      phase: 'watching',
      step: 3,
      stepSinceMs: 0,
      startedAtMs: 0,
      instances: ['fare-1', 'orders-1'],
      services: ['fare', 'orders'],
      policy: RolloutPolicy.parse({ strategy: 'progressive' }),
      ...progress,
    }),
  ]);
}

interface Health {
  readonly step: number;
  readonly seen_until_ms: number;
  readonly findings: unknown;
  readonly problem: string | null;
}

async function health(): Promise<Health | undefined> {
  const { rows } = await database.query<Health>('select * from slo.rollout_health');
  return rows[0];
}

async function insert(
  count: number,
  of: { atMs: number; status: number; instance?: string; reporter?: 'source' | 'destination' },
): Promise<void> {
  const { atMs, status, instance = 'fare-1', reporter = 'destination' } = of;
  const time = new Date(atMs).toISOString().slice(0, -1).replace('T', ' ');
  const row = { time, reporter, caller: 'orders', callee: 'fare', authorization: 'allowed' };
  await clickhouse.insert({
    table: 'dotline.access_log',
    values: Array.from({ length: count }, () => ({ ...row, status, instance })),
    columns: [...(Object.keys(row) as [string]), 'status', 'instance'],
    format: 'JSONEachRow',
  });
}

async function alert(objective: string, service: string, sinceMs: number): Promise<void> {
  const burning = JSON.stringify([
    { window: '5m', burnRate: 40 },
    { window: '1h', burnRate: 20 },
  ]);
  await database.query(`insert into slo.status values ($1, 'r', $2, 1, 2, 0.5, 0, $3, now())`, [
    objective,
    JSON.stringify({ name: objective, service }),
    burning,
  ]);
  await database.query(
    `insert into slo.alerts values ($1, 'page', 'firing', to_timestamp($2::double precision / 1000))`,
    [objective, sinceMs],
  );
}
