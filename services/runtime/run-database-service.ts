import type { Router } from 'express';
import { createLogger } from './logger.js';
import { Peers } from './peers.js';
import { Database } from './postgresql.js';
import { runService } from './run-service.js';
import { postgresqlSettings, readSettings } from './settings.js';

/**
 * Runs a service that keeps data in PostgreSQL, calls others, and needs nothing besides.
 * @param migrations as Database takes them
 * @param operations makes the service's router
 */
export async function runDatabaseService(
  migrations: readonly string[],
  operations: (database: Database, peers: Peers) => Router,
): Promise<void> {
  const settings = readSettings(postgresqlSettings);
  const log = createLogger(settings);
  const database = new Database(settings.DATABASE_URL, migrations, log);
  const peers = new Peers(settings);
  await runService({
    listen: settings.DOTLINE_LISTEN,
    log,
    router: operations(database, peers),
    ready: () => database.ping(),
    resources: [peers, database],
  });
}
