import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { Database } from '../runtime/postgresql.js';
import { TestPostgresql } from './stores.js';

/** A migrated database in a real PostgreSQL of its own. */
export interface TestDatabase {
  readonly database: Database;
  /** Ends the server and removes its folder. */
  remove(): Promise<void>;
}

/** Starts a server and applies a service's migrations. */
export async function startDatabase(migrations: readonly string[]): Promise<TestDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'services-'));
  const postgresql = await TestPostgresql.start(directory);
  const url = await postgresql.createDatabase('service');
  const database = new Database(url, migrations, pino({ level: 'silent' }));
  await database.migrated();
  return {
    database,
    remove: async () => {
      await database.close();
      await postgresql.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
