import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { listenHttp } from '@dotline/platform-process/listen-http';
import { createLog } from '@dotline/platform-process/log';
import { settingsOrExit } from '@dotline/platform-process/settings';
import { stopSignal } from '@dotline/platform-process/stop-signal';
import { openStores } from '@dotline/platform-process/stores';
import { startTelemetry } from '@dotline/platform-process/telemetry';
import { PageServer } from './page-server.js';
import { PageServerMetrics } from './page-server-metrics.js';
import { readSettings } from './settings.js';

const settings = settingsOrExit(readSettings);
const stop = stopSignal();
const log = createLog('page-server', settings.logLevel);
const metrics = new PageServerMetrics();
const stores = openStores(settings, {
  application: 'dotline-page-server',
  connectionsMax: 6,
  timeoutMs: 5_000,
  log,
});
const pageServer = new PageServer({
  ...stores,
  redisUrl: settings.redisUrl,
  pageDirectory: fileURLToPath(new URL('./web', import.meta.url)),
  metrics,
  log,
});
pageServer.start();

const server = createServer(pageServer.app);
const { host } = settings.http;
const port = await listenHttp(server, host, settings.http.port);
log.info({ address: host, port }, 'listening');
const telemetry = startTelemetry({
  service: 'dotline-page-server',
  log,
  registry: metrics.registry,
});
if (!stop.aborted) await once(stop, 'abort');

server.close();
await pageServer.stop();
server.closeAllConnections();
await Promise.all([stores.close(), telemetry.stop()]);
log.info('stopped');
process.exit(0);
