import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import {
  type ClickHouseClient,
  ClickHouseError,
  ClickHouseLogLevel,
  createClient,
} from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

jest.setTimeout(30_000);

const MAIN = join(
  dirname(fileURLToPath(import.meta.url)),
  '../../dist/embedded-clickhouse/main.js',
);

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
}

async function start(directory: string): Promise<Running> {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      ...process.env,
      CLICKHOUSE_DATA_DIRECTORY: directory,
      HTTP_LISTEN: '127.0.0.1:0',
      CLICKHOUSE_PASSWORD: 'a secret/with:signs',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout as Readable })) {
    const entry = JSON.parse(line);
    if (entry.msg === 'listening') return { child, url: `http://127.0.0.1:${entry.port}` };
  }
  throw new Error('the embedded ClickHouse ended without listening');
}

async function stop(running: Running, signal: NodeJS.Signals): Promise<void> {
  const ended = once(running.child, 'exit');
  running.child.kill(signal);
  await ended;
}

function connect(url: string, password = 'a secret/with:signs'): ClickHouseClient {
  return createClient({
    url,
    username: 'default',
    password,
    max_open_connections: 200,
    log: { level: ClickHouseLogLevel.OFF },
  });
}

describe('the embedded ClickHouse, through the stock client', () => {
  let directory = '';
  let running: Running;
  let client: ClickHouseClient;

  const rows = async (query: string, query_params: Record<string, unknown> = {}) =>
    (await client.query({ query, query_params, format: 'JSONEachRow' })).json();

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'embedded-clickhouse-'));
    running = await start(directory);
    client = connect(running.url);
    await client.command({ query: 'CREATE DATABASE dotline' });
    await client.command({
      query: `CREATE TABLE dotline.events (id UInt32, name String) ENGINE = MergeTree ORDER BY id
              SETTINGS non_replicated_deduplication_window = 100`,
    });
  });

  afterAll(async () => {
    await client.close();
    await stop(running, 'SIGTERM');
    expect(running.child.exitCode).toBe(0);
    await rm(directory, { recursive: true, force: true });
  });

  it('answers ping, with and without a query', async () => {
    expect(await client.ping()).toEqual({ success: true });
    expect(await client.ping({ select: true })).toEqual({ success: true });
  });

  it.each([
    ['text that needs escaping', 'String', 'it\'s\t"q" \\ and\nmore ⚙'],
    ['a negative number', 'Int64', -9007199254740],
    ['an array', 'Array(String)', ["a'b", 'c\\d']],
    ['null', 'Nullable(String)', null],
    ['a moment', 'DateTime64(3)', new Date(1_795_500_000_123)],
  ])('binds %s as a query parameter', async (_name, type, value) => {
    const [row] = (await rows(`SELECT {value:${type}} AS value`, { value })) as {
      value: unknown;
    }[];
    const expected = value instanceof Date ? '2026-11-24 06:00:00.123' : value;
    expect(row?.value).toEqual(expected);
  });

  it('keeps settings, parameters and database inside their request', async () => {
    const setting = async (clickhouse_settings: { max_threads?: number }) => {
      const query = "SELECT getSetting('max_threads') AS threads";
      const result = await client.query({ query, clickhouse_settings, format: 'JSONEachRow' });
      return (await result.json<{ threads: number }>())[0]?.threads;
    };
    expect(await setting({ max_threads: 7 })).toEqual(7);
    expect(await setting({})).not.toEqual(7);
    await rows('SELECT {x:String}', { x: 'left over' });
    await expect(rows('SELECT {x:String}')).rejects.toMatchObject({ code: '456' });
    const inDatabase = createClient({
      url: running.url,
      database: 'dotline',
      password: 'a secret/with:signs',
    });
    const result = await inDatabase.query({
      query: 'SELECT count() AS n FROM events',
      format: 'JSON',
    });
    expect((await result.json<{ n: number }>()).rows).toBe(1);
    await inDatabase.close();
    await expect(rows('SELECT count() FROM events')).rejects.toMatchObject({
      type: 'UNKNOWN_TABLE',
    });
  });

  it.each([
    ['SELEC 1', '62', 'SYNTAX_ERROR'],
    ['SELECT * FROM nowhere', '60', 'UNKNOWN_TABLE'],
    ['SELECT throwIf(1)', '395', 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO'],
  ])('reports the failure of %s as a server does', async (query, code, type) => {
    const error = await client.query({ query }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ClickHouseError);
    expect(error).toMatchObject({ code, type });
  });

  it('refuses a wrong password with 516', async () => {
    const stranger = connect(running.url, 'guess');
    await expect(stranger.query({ query: 'SELECT 1' })).rejects.toMatchObject({
      code: '516',
      type: 'AUTHENTICATION_FAILED',
    });
    await stranger.close();
  });

  it('inserts rows, streams and compressed bodies, and deduplicates by token', async () => {
    const count = async () =>
      ((await rows('SELECT count() AS n FROM dotline.events')) as { n: number }[])[0]?.n;
    const insert = (token: string) =>
      client.insert({
        table: 'dotline.events',
        values: [{ id: 1, name: 'a' }, { id: 2 }],
        columns: ['id', 'name'],
        format: 'JSONEachRow',
        clickhouse_settings: { insert_deduplication_token: token },
      });
    expect((await insert('t1')).summary).toMatchObject({ written_rows: '2' });
    await insert('t1');
    expect(await count()).toBe(2);
    await client.insert({
      table: 'dotline.events',
      values: Readable.from([{ id: 3 }, { id: 4 }], { objectMode: true }),
      format: 'JSONEachRow',
    });
    const compressing = createClient({
      url: running.url,
      password: 'a secret/with:signs',
      compression: { request: true, response: true },
    });
    await compressing.insert({
      table: 'dotline.events',
      values: [{ id: 5 }],
      format: 'JSONEachRow',
    });
    expect(await count()).toBe(5);
    await compressing.close();
    await expect(
      client.insert({
        table: 'dotline.events',
        values: [{ id: 'x' }],
        format: 'JSONEachRow',
      }),
    ).rejects.toBeInstanceOf(ClickHouseError);
    expect(await count()).toBe(5);
  });

  it('does not change anything by GET', async () => {
    const url = new URL(running.url);
    url.searchParams.set('query', 'DROP TABLE dotline.events');
    const response = await fetch(url, {
      headers: { 'x-clickhouse-user': 'default', 'x-clickhouse-key': 'a secret/with:signs' },
    });
    expect([response.status, response.headers.get('x-clickhouse-exception-code')]).toEqual([
      403,
      '164',
    ]);
  });

  it('answers pings and writes while reads are slow, and refuses reads beyond its bound', async () => {
    let reading = 160;
    const slow = Array.from({ length: reading }, async () => {
      try {
        await (await client.query({ query: 'SELECT sleep(0.05)' })).text();
        return 'done';
      } catch (error) {
        return error instanceof ClickHouseError ? error.code : String(error);
      } finally {
        reading -= 1;
      }
    });
    expect(await client.ping()).toEqual({ success: true });
    await client.insert({
      table: 'dotline.events',
      values: [{ id: 6 }],
      format: 'JSONEachRow',
    });
    // Neither had to wait for the reads that came before.
    expect(reading).toBeGreaterThan(0);
    const outcomes = await Promise.all(slow);
    expect(new Set(outcomes)).toEqual(new Set(['done', '202']));
    expect(outcomes.filter((outcome) => outcome === 'done').length).toBeGreaterThanOrEqual(128);
  });

  it('loses no acknowledged insert to kill -9, and opens the directory again at once', async () => {
    await client.command({
      query: 'CREATE TABLE dotline.acknowledged (id UInt32) ENGINE = MergeTree ORDER BY id',
    });
    const acknowledged: number[] = [];
    let ended = false;
    const inserting = (async () => {
      for (let id = 0; !ended; id += 1) {
        try {
          await client.insert({
            table: 'dotline.acknowledged',
            values: [{ id }],
            format: 'JSONEachRow',
          });
          acknowledged.push(id);
        } catch {
          return;
        }
      }
    })();
    while (acknowledged.length < 20) await new Promise((resolve) => setTimeout(resolve, 5));
    await stop(running, 'SIGKILL');
    ended = true;
    await inserting;
    await client.close();
    running = await start(directory);
    client = connect(running.url);
    const kept = new Set(
      ((await rows('SELECT id FROM dotline.acknowledged')) as { id: number }[]).map(({ id }) => id),
    );
    expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
  });
});
