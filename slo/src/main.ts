import { createServer } from 'node:http';
import { listenHttp } from '@dotline/platform-process/listen-http';
import { createLog } from '@dotline/platform-process/log';
import { settingsOrExit } from '@dotline/platform-process/settings';
import { stopSignal } from '@dotline/platform-process/stop-signal';
import { openStores } from '@dotline/platform-process/stores';
import { startTelemetry } from '@dotline/platform-process/telemetry';
import { Redis } from 'ioredis';
import { AlertDelivery } from './alert-delivery.js';
import { EvaluationLoop } from './evaluation-loop.js';
import { Evaluator } from './evaluator.js';
import { EvaluatorMetrics } from './evaluator-metrics.js';
import { httpServer } from './http-server.js';
import { RolloutWatch } from './rollout-watch.js';
import { readSettings } from './settings.js';

const settings = settingsOrExit(readSettings);
const stop = stopSignal();
const log = createLog('slo', settings.logLevel);
const metrics = new EvaluatorMetrics();
const stores = openStores(settings, {
  application: 'dotline-slo',
  connectionsMax: 4,
  timeoutMs: 8_000,
  log,
});
const valkey = new Redis(settings.redisUrl, { maxRetriesPerRequest: 0, enableOfflineQueue: false });
valkey.on('error', (error) => log.debug({ reason: error.message }, 'Valkey does not answer'));

const delivery = new AlertDelivery(valkey, log);
const evaluator = new Evaluator(stores.database, stores.clickhouse);
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

const server = createServer(httpServer(() => loop.health, metrics.registry));
const { host } = settings.http;
const port = await listenHttp(server, host, settings.http.port);
log.info({ address: host, port }, 'listening');
const telemetry = startTelemetry({ service: 'dotline-slo', log, registry: metrics.registry });

const rollouts = new RolloutWatch(stores.database, stores.clickhouse, (reason) =>
  log.warn({ reason }, 'cannot watch rollouts'),
);
await Promise.all([loop.run(stop), rollouts.run(stop)]);
server.close();
server.closeAllConnections();
valkey.disconnect();
await Promise.all([stores.close(), telemetry.stop()]);
log.info('stopped');
process.exit(0);
