import { setTimeout as sleep } from 'node:timers/promises';
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { listenHttp } from '@dotline/platform-process/listen-http';
import { createLog } from '@dotline/platform-process/log';
import { operationsServer } from '@dotline/platform-process/operations-server';
import { settingsOrExit } from '@dotline/platform-process/settings';
import { startTelemetry } from '@dotline/platform-process/telemetry';
import { insertOnce } from './clickhouse/table-writer.js';
import { CollectorMetrics } from './collector-metrics.js';
import { IdentityFolder } from './peer/identity.js';
import { GrpcReceiver } from './receivers/grpc-receiver.js';
import { HttpReceiver } from './receivers/http-receiver.js';
import { Ingest } from './receivers/ingest.js';
import { migrate } from './schema/migrate.js';
import { traceSegment } from './segment-span.js';
import { readSettings } from './settings.js';
import { SpoolLanes } from './spool/lanes.js';

const MIGRATE_RETRY_MS = 1_000;
const REQUEST_TIMEOUT_MS = 20_000;
const STOP_MS = 8_000;
const OWN_SPANS_MS = 100;

const settings = settingsOrExit(readSettings);
const log = createLog('collector', settings.logLevel);

const clickhouse = createClient({
  ...settings.clickhouse,
  application: 'dotline-collector',
  request_timeout: REQUEST_TIMEOUT_MS,
  // The collector logs its own failures, once each.
  log: { level: ClickHouseLogLevel.OFF },
});

const metrics = new CollectorMetrics(() => spool.load);
const spool = await SpoolLanes.open(
  settings.spoolDirectory,
  (rows, token) => insertOnce(clickhouse, rows, token),
  {
    stored(segment, seconds) {
      metrics.insertSeconds.observe(seconds);
      for (const { table, rows } of segment.tables) metrics.storedRows.inc({ table }, rows);
      traceSegment(segment, seconds);
    },
    retried(segment, error) {
      metrics.insertRetries.inc();
      log.warn({ segment: segment.id, err: error }, 'segment is not stored yet');
    },
    refused(segment, error) {
      for (const { table, rows } of segment.tables) metrics.refusedRows.inc({ table }, rows);
      log.error({ segment: segment.id, err: error }, 'ClickHouse refused a segment; set aside');
    },
    damaged: (file) => log.error({ file }, 'a file of the spool cannot be read; set aside'),
  },
  settings,
);

let migrated = false;
const migrating = (async () => {
  while (!migrated) {
    try {
      await migrate(clickhouse);
      migrated = true;
      log.info('schema is up to date');
    } catch (error) {
      log.warn({ err: error }, 'schema cannot be brought up to date yet');
      await sleep(MIGRATE_RETRY_MS);
    }
  }
})();

const identity =
  settings.identityDirectory === undefined
    ? undefined
    : await IdentityFolder.open(settings.identityDirectory, (error) =>
        log.error({ err: error }, 'the identity cannot be read; the last one serves on'),
      );
const ingest = new Ingest(spool, metrics);
const refused = (error: Error) => {
  metrics.refusedPeers.inc();
  log.warn(error.message);
};
const grpc = new GrpcReceiver(ingest, identity, refused);
const http = new HttpReceiver(ingest, identity, refused);
const operations = operationsServer(metrics.registry, async () =>
  migrated && (await clickhouse.ping()).success ? undefined : 'ClickHouse does not answer',
);

const ports = {
  grpc: await grpc.listen(`${settings.otlpGrpc.host}:${settings.otlpGrpc.port}`),
  http: await http.listen(settings.otlpHttp.host, settings.otlpHttp.port),
  operations: await listenHttp(operations, settings.http.host, settings.http.port),
};
log.info({ ports, mutualTls: identity !== undefined }, 'listening');
const telemetry = startTelemetry({
  service: 'dotline-collector',
  log,
  registry: metrics.registry,
});

async function stop(): Promise<void> {
  // Its own last spans come first, while it still takes any; they are answered with the others.
  const told = telemetry.stop();
  await Promise.race([told, sleep(OWN_SPANS_MS)]);
  // Requests that are gathered are stored and answered before their connections end.
  const answered = Promise.all([spool.close(), grpc.close(), http.close()]);
  await Promise.race([answered, sleep(STOP_MS)]);
  grpc.closeNow();
  http.closeNow();
  identity?.close();
  operations.close();
  await Promise.all([clickhouse.close(), told]);
  log.info('stopped');
  process.exit(0);
}

let stopping = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    void stop();
  });
}
await migrating;
