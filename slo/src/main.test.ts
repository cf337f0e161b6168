import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { migrate as migrateTelemetry } from '@dotline/collectors/schema/migrate';
import { type RunningProcess, startLocalProcess } from '@dotline/local-parts/start-local-process';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import getPort from 'get-port';
import { Redis } from 'ioredis';
import pg from 'pg';
import {
  type RunningStore,
  startClickHouse,
  startPostgresql,
  startValkey,
} from './testing/running-stores.js';

jest.setTimeout(60_000);

/** The process as it is deployed. */
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

let clickhouseServer: Awaited<ReturnType<typeof startClickHouse>>;
let postgresqlServer: RunningStore;
let valkeyServer: RunningStore;
let clickhouse: ClickHouseClient;
let database: pg.Pool;
let valkey: Redis;
let subscriber: Redis;
let evaluator: RunningProcess;
let address: string;

interface Health {
  readonly status: string;
  readonly problem: string | null;
}

async function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(100);
  }
  throw new Error(`${what}: not within 30 s; the evaluator says: ${evaluator.output()}`);
}

async function health(): Promise<Health> {
  return (await (await fetch(`${address}/healthz`)).json()) as Health;
}

function healthWith(problem: RegExp | null): Promise<Health> {
  return eventually(`health ${problem}`, async () => {
    const found = await health();
    const wanted = problem === null ? found.problem === null : problem.test(found.problem ?? '');
    return wanted ? found : undefined;
  });
}

beforeAll(async () => {
  [clickhouseServer, postgresqlServer, valkeyServer] = await Promise.all([
    startClickHouse(),
    startPostgresql(),
    startValkey(),
  ]);
  clickhouse = createClient({ url: clickhouseServer.url, log: { level: ClickHouseLogLevel.OFF } });
  database = new pg.Pool({ connectionString: postgresqlServer.url });
  database.on('error', () => undefined);
  valkey = new Redis(valkeyServer.url);
  subscriber = valkey.duplicate();
  const port = await getPort();
  address = `http://127.0.0.1:${port}`;
  evaluator = await startLocalProcess({
    name: 'slo',
    command: [process.execPath, MAIN],
    environment: {
      DATABASE_URL: postgresqlServer.url,
      REDIS_URL: valkeyServer.url,
      CLICKHOUSE_URL: clickhouseServer.url,
      HTTP_LISTEN: `127.0.0.1:${port}`,
      EVALUATION_SECONDS: '0.5',
    },
    ready: () =>
      health().then(
        () => undefined,
        (error: unknown) => {
          throw new Error(String(error));
        },
      ),
  });
});

afterAll(async () => {
  await evaluator?.stop();
  valkey?.disconnect();
  subscriber?.disconnect();
  await clickhouse?.close();
  await database?.end();
  await Promise.all([
    clickhouseServer?.remove(),
    postgresqlServer?.remove(),
    valkeyServer?.remove(),
  ]);
});

it('evaluates as soon as it can, tells of an alert, survives its stores and stops cleanly', async () => {
  await healthWith(/^ClickHouse: .*dotline does not exist/);
  await migrateTelemetry(clickhouse);
  await healthWith(/^PostgreSQL: .*control_plane/);

  const objective = {
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
  const teams = [{ name: 'pricing', colour: '#112233', contact: '#pricing-on-call' }];
  await database.query(`create schema control_plane;
    create table control_plane.revisions (id text primary key, content jsonb not null);
    create table control_plane.live (revision_id text not null)`);
  await database.query(`insert into control_plane.revisions values ('r1', $1)`, [
    JSON.stringify({ mesh: { objectives: [objective], teams } }),
  ]);
  await database.query(`insert into control_plane.live values ('r1')`);
  await healthWith(null);

  const hints: string[] = [];
  await subscriber.subscribe('dotline:events');
  subscriber.on('message', (_channel, message) => hints.push(message));
  const time = new Date(Date.now() - 1_000).toISOString().slice(0, -1).replace('T', ' ');
  await clickhouse.insert({
    table: 'dotline.access_log',
    format: 'JSONEachRow',
    values: Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? 200 : 500)).map(
      (status) => ({
        time,
        reporter: 'source',
        callee: 'fare',
        authorization: 'allowed',
        status,
        duration_us: 1,
      }),
    ),
  });
  const hint = await eventually('a hint', async () => hints[0]);
  expect(JSON.parse(hint)).toEqual({ type: 'slo', objectives: ['fare-availability'] });
  expect(evaluator.output()).toContain('"contact":"#pricing-on-call"');
  const metrics = await (await fetch(`${address}/metrics`)).text();
  const labels = 'objective="fare-availability",service="fare",team="pricing"';
  expect(metrics).toContain(`dotline_slo_indicator_ratio{${labels}} 0.5`);
  expect(metrics).toMatch(/dotline_slo_burn_rate\{[^}]*window="5m"\} (50|49\.9)/);
  expect(metrics).toContain(`dotline_slo_rule_firing{${labels},severity="page"} 1`);

  await clickhouseServer.process.stop(0);
  expect(await healthWith(/^ClickHouse: /)).toMatchObject({ status: 'degraded' });
  clickhouseServer = await startClickHouse(clickhouseServer);
  expect(await healthWith(null)).toMatchObject({ status: 'ok' });
  const { rows } = await database.query('select good, total from slo.status');
  expect(rows).toEqual([{ good: '20', total: '40' }]);

  await postgresqlServer.process.stop(0);
  await healthWith(/^PostgreSQL: /);
  await evaluator.stop();
  expect(evaluator.child.exitCode).toBe(0);
});
