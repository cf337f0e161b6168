import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { endProcess, type RunningProcess, startProcess } from './child-process.js';

/** By path, because the runner stands below this workspace. */
const MAIN = fileURLToPath(
  new URL('../../../runner/dist/embedded-clickhouse/main.js', import.meta.url),
);

/** The real engine in a process of its own, on a port that stays the same over restarts. */
export class RunningClickHouse {
  readonly url: string;
  readonly client: ClickHouseClient;
  readonly #directory: string;
  readonly #port: number;
  #process: RunningProcess;

  private constructor(directory: string, port: number, process: RunningProcess) {
    this.#directory = directory;
    this.#port = port;
    this.#process = process;
    this.url = `http://dotline:secret@127.0.0.1:${port}`;
    this.client = createClient({ url: this.url, log: { level: ClickHouseLogLevel.OFF } });
  }

  static async start(): Promise<RunningClickHouse> {
    const directory = await mkdtemp(join(tmpdir(), 'collectors-clickhouse-'));
    const port = await freePort();
    return new RunningClickHouse(directory, port, await startEngine(directory, port));
  }

  /** Kills it at once and starts it again on the same data. */
  async killAndRestart(): Promise<void> {
    await this.kill();
    await this.restart();
  }

  async kill(): Promise<void> {
    await endProcess(this.#process, 'SIGKILL');
  }

  async restart(): Promise<void> {
    this.#process = await startEngine(this.#directory, this.#port);
  }

  async stop(): Promise<void> {
    await this.client.close();
    await endProcess(this.#process);
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** The first row of a query. */
  async row<Row>(query: string): Promise<Row> {
    const result = await this.client.query({ query, format: 'JSONEachRow' });
    const [row] = await result.json<Row>();
    if (row === undefined) throw new Error(`no row: ${query}`);
    return row;
  }
}

function startEngine(directory: string, port: number): Promise<RunningProcess> {
  return startProcess(MAIN, {
    CLICKHOUSE_DATA_DIRECTORY: directory,
    CLICKHOUSE_PASSWORD: 'secret',
    HTTP_LISTEN: `127.0.0.1:${port}`,
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
