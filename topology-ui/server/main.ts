import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import pg from 'pg';
import pino from 'pino';
import { PageServer } from './page-server.js';
import { readSettings, type Settings, SettingsError } from './settings.js';

const STORE_TIMEOUT_MS = 5_000;

const settings = settingsOrExit();
const log = pino({ name: 'page-server', level: settings.logLevel });

const database = new pg.Pool({
  connectionString: settings.databaseUrl,
  max: 6,
  connectionTimeoutMillis: STORE_TIMEOUT_MS,
  query_timeout: STORE_TIMEOUT_MS,
  application_name: 'dotline page server',
});
database.on('error', (error) =>
  log.warn({ reason: error.message }, 'a PostgreSQL connection broke'),
);
const clickhouse = createClient({
  url: settings.clickhouseUrl,
  application: 'dotline-page-server',
  request_timeout: STORE_TIMEOUT_MS,
  log: { level: ClickHouseLogLevel.OFF },
});
const pageServer = new PageServer({
  database,
  clickhouse,
  redisUrl: settings.redisUrl,
  pageDirectory: fileURLToPath(new URL('./web', import.meta.url)),
  log,
});
pageServer.start();

const server = createServer(pageServer.app).listen(settings.port, settings.host);
await once(server, 'listening');
const { address, port } = server.address() as AddressInfo;
log.info({ address, port }, 'listening');

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
await once(stop.signal, 'abort');

server.close();
await pageServer.stop();
server.closeAllConnections();
await Promise.all([clickhouse.close(), database.end()]);
log.info('stopped');

function settingsOrExit(): Settings {
  try {
    return readSettings(process.env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}
