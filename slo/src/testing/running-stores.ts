import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { postgresqlProcess, postgresqlUrl } from '@dotline/local-parts/postgresql';
import { type RunningProcess, startLocalProcess } from '@dotline/local-parts/start-local-process';
import { ensureValkey, valkeyProcess } from '@dotline/local-parts/valkey';
import getPort, { portNumbers } from 'get-port';
import pg from 'pg';

/** A real store in a process and a temporary folder of its own. */
export interface RunningStore {
  readonly url: string;
  readonly process: RunningProcess;
  /** Ends the process and removes its folder. */
  remove(): Promise<void>;
}

const PASSWORD = 'only-in-tests';

const EMBEDDED_CLICKHOUSE =
  ['local-parts', 'runner']
    .map((room) => `../../../${room}/dist/embedded-clickhouse/main.js`)
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path)) ?? 'the embedded ClickHouse is not built';

/** ClickHouse's engine as the product runs it. With `at`, on the same folder and port as before. */
export async function startClickHouse(at?: {
  readonly directory: string;
  readonly port: number;
}): Promise<RunningStore & { readonly directory: string; readonly port: number }> {
  const directory = at?.directory ?? (await mkdtemp(join(tmpdir(), 'dotline-clickhouse-')));
  const port = at?.port ?? (await freePort());
  const url = `http://default:${PASSWORD}@127.0.0.1:${port}`;
  const process_ = await startLocalProcess({
    name: 'clickhouse',
    command: [process.execPath, EMBEDDED_CLICKHOUSE],
    environment: {
      CLICKHOUSE_DATA_DIRECTORY: directory,
      CLICKHOUSE_PASSWORD: PASSWORD,
      HTTP_LISTEN: `127.0.0.1:${port}`,
    },
    ready: async () => {
      const client = createClient({ url, log: { level: ClickHouseLogLevel.OFF } });
      const { success } = await client.ping();
      await client.close();
      if (!success) throw new Error('no answer yet');
    },
  });
  return {
    url,
    directory,
    port,
    process: process_,
    remove: async () => {
      await process_.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL with an empty database `dotline`. */
export async function startPostgresql(): Promise<RunningStore> {
  const directory = await mkdtemp(join(tmpdir(), 'dotline-postgresql-'));
  const settings = { directory, port: await freePort(), password: PASSWORD };
  const process_ = await startLocalProcess(await postgresqlProcess(settings));
  const client = new pg.Client(postgresqlUrl(settings, 'postgres'));
  await client.connect();
  await client.query('create database dotline');
  await client.end();
  return {
    url: postgresqlUrl(settings, 'dotline'),
    process: process_,
    remove: async () => {
      await process_.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Valkey without data. */
export async function startValkey(): Promise<RunningStore> {
  const directory = await mkdtemp(join(tmpdir(), 'dotline-valkey-'));
  const port = await freePort();
  const { path: binary } = await ensureValkey();
  const process_ = await startLocalProcess(
    await valkeyProcess({ binary, directory, port, password: PASSWORD }),
  );
  return {
    url: `redis://default:${PASSWORD}@127.0.0.1:${port}`,
    process: process_,
    remove: async () => {
      await process_.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Below the ports that outgoing connections take, so that none of them is faster; anywhere, because other tests look too. */
function freePort(): Promise<number> {
  const from = 12_000 + Math.floor(Math.random() * 15_000);
  return getPort({ port: portNumbers(from, from + 1_000) });
}
