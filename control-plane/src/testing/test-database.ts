import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresqlProcess, postgresqlUrl } from '@dotline/local-parts/postgresql';
import { eventually } from './eventually.js';
import { TestProcess } from './test-process.js';

/** A PostgreSQL server of its own. */
export interface TestDatabase {
  readonly url: string;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  /** Stops it for good and removes its data. */
  readonly remove: () => Promise<void>;
}

/** Starts a real PostgreSQL on a free port, with its data in a temporary directory. */
export async function startTestDatabase(): Promise<TestDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'dotline-postgres-'));
  const settings = { directory, port: await freePort(), password: 'dotline' };
  let server: TestProcess | undefined;
  const start = async () => {
    const { command, environment, ready } = await postgresqlProcess(settings);
    const [program, ...args] = command;
    server = await TestProcess.start(program, args, { env: environment });
    await eventually('PostgreSQL', () => ready().then(() => true), 60_000);
  };
  const stop = async () => {
    // Does not wait for clients to go, as SIGTERM would.
    // https://www.postgresql.org/docs/current/server-shutdown.html
    await server?.stop('SIGINT');
  };
  await start();
  return {
    url: postgresqlUrl(settings, 'postgres'),
    start,
    stop,
    remove: async () => {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null
          ? resolve(address.port)
          : reject(new Error('no port')),
      );
    });
  });
}
