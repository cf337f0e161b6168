import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { Redis } from 'ioredis';
import pg from 'pg';
import pino from 'pino';
import { AlertDelivery } from './alert-delivery.js';
import { EvaluationLoop } from './evaluation-loop.js';
import { Evaluator } from './evaluator.js';
import { EvaluatorMetrics } from './evaluator-metrics.js';
import { httpServer } from './http-server.js';
import { readSettings, type Settings, SettingsError } from './settings.js';

const STORE_TIMEOUT_MS = 8_000;

const settings = settingsOrExit();
const log = pino({ name: 'slo', level: settings.logLevel });

const database = new pg.Pool({
  connectionString: settings.databaseUrl,
  max: 4,
  connectionTimeoutMillis: STORE_TIMEOUT_MS,
  query_timeout: STORE_TIMEOUT_MS,
  application_name: 'dotline slo',
});
database.on('error', (error) =>
  log.warn({ reason: error.message }, 'a PostgreSQL connection broke'),
);
const clickhouse = createClient({
  url: settings.clickhouseUrl,
  application: 'dotline-slo',
  request_timeout: STORE_TIMEOUT_MS,
  log: { level: ClickHouseLogLevel.OFF },
});
const valkey = new Redis(settings.redisUrl, { maxRetriesPerRequest: 0, enableOfflineQueue: false });
valkey.on('error', (error) => log.debug({ reason: error.message }, 'Valkey does not answer'));

const metrics = new EvaluatorMetrics();
const delivery = new AlertDelivery(valkey, log);
const evaluator = new Evaluator(database, clickhouse);
let lastProblem: string | null = null;
const loop = new EvaluationLoop(
  (nowMs) => evaluator.evaluate(nowMs),
  {
    async evaluated(evaluation, durationMs) {
      if (lastProblem !== null) log.info('evaluating again');
      lastProblem = null;
      metrics.succeeded(evaluation, durationMs, Date.now());
      if (evaluation !== undefined) await delivery.deliver(evaluation);
    },
    failed(error) {
      metrics.failed();
      if (lastProblem !== error.message) log.warn({ reason: error.message }, 'cannot evaluate');
      lastProblem = error.message;
    },
  },
  settings.intervalMs,
);

const server = httpServer(() => loop.health, metrics.registry).listen(settings.port, settings.host);
await once(server, 'listening');
const { address, port } = server.address() as AddressInfo;
log.info({ address, port }, 'listening');

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());

await loop.run(stop.signal);
server.close();
server.closeAllConnections();
valkey.disconnect();
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
