import { join } from 'node:path';
import { postgresqlProcess, postgresqlUrl } from '@dotline/local-parts/postgresql';
import type { RunningProcess } from '@dotline/local-parts/start-local-process';
import { ensureValkey, valkeyProcess } from '@dotline/local-parts/valkey';
import getPort from 'get-port';
import { Redis } from 'ioredis';
import pg from 'pg';
import { startProcess } from './start-process.js';

const PASSWORD = 'only-on-loopback';

/** A real PostgreSQL on loopback. */
export class TestPostgresql {
  private constructor(
    private readonly directory: string,
    private readonly port: number,
    private process: RunningProcess,
  ) {}

  static async start(directory: string): Promise<TestPostgresql> {
    const port = await getPort();
    return new TestPostgresql(directory, port, await run(directory, port));
  }

  /** Makes a database that is owned by a role of its own. @returns its connection string */
  async createDatabase(name: string): Promise<string> {
    const admin = new pg.Client({ connectionString: this.adminUrl('postgres') });
    await admin.connect();
    try {
      const quoted = pg.escapeIdentifier(name);
      await admin.query(`create role ${quoted} login password ${pg.escapeLiteral(PASSWORD)}`);
      await admin.query(`create database ${quoted} owner ${quoted}`);
    } finally {
      await admin.end();
    }
    return `postgresql://${name}:${PASSWORD}@127.0.0.1:${this.port}/${name}`;
  }

  /** Connection string of the superuser. */
  adminUrl(database: string): string {
    return postgresqlUrl({ port: this.port, password: PASSWORD }, database);
  }

  /** What a statement of the superuser finds in a service's database. */
  async rows<Row extends pg.QueryResultRow>(database: string, text: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.adminUrl(database) });
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** Ends the server as a crash would. */
  async kill(): Promise<void> {
    await this.process.stop(0);
  }

  /** Starts it again on the same data and port. */
  async restart(): Promise<void> {
    this.process = await run(this.directory, this.port);
  }

  async stop(): Promise<void> {
    await this.process.stop();
  }
}

/** A real Valkey on loopback. */
export class TestValkey {
  private constructor(
    private readonly directory: string,
    private readonly port: number,
    private process: RunningProcess,
  ) {}

  static async start(directory: string): Promise<TestValkey> {
    const port = await getPort();
    return new TestValkey(directory, port, await runValkey(directory, port));
  }

  /** Makes a user who may touch keys of one prefix only. @returns the variables of the service */
  async createUser(service: string): Promise<{ REDIS_URL: string; REDIS_KEY_PREFIX: string }> {
    const admin = this.admin();
    try {
      const rules = ['reset', 'on', `>${PASSWORD}`, `~${service}:*`, '+@all', '-@admin'];
      await admin.call('acl', 'setuser', service, ...rules);
    } finally {
      admin.disconnect();
    }
    return {
      REDIS_URL: `redis://${service}:${PASSWORD}@127.0.0.1:${this.port}`,
      REDIS_KEY_PREFIX: `${service}:`,
    };
  }

  /** A client of the user who may do everything; disconnect it. */
  admin(): Redis {
    return new Redis({ host: '127.0.0.1', port: this.port, password: PASSWORD });
  }

  /** Ends the server as a crash would; users that were made at run time are lost with it. */
  async kill(): Promise<void> {
    await this.process.stop(0);
  }

  async restart(): Promise<void> {
    this.process = await runValkey(this.directory, this.port);
  }

  async stop(): Promise<void> {
    await this.process.stop();
  }
}

async function run(directory: string, port: number): Promise<RunningProcess> {
  const settings = { directory: join(directory, 'postgresql'), port, password: PASSWORD };
  return startProcess(await postgresqlProcess(settings));
}

async function runValkey(directory: string, port: number): Promise<RunningProcess> {
  const { path } = await ensureValkey();
  const settings = { binary: path, directory: join(directory, 'valkey'), port, password: PASSWORD };
  return startProcess(await valkeyProcess(settings));
}
