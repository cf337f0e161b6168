import { createLog } from '@dotline/platform-process/log';
import { settingsOrExit } from '@dotline/platform-process/settings';
import { startTelemetry, type Telemetry } from '@dotline/platform-process/telemetry';
import { ControlPlane } from './control-plane.js';
import { readSettings } from './settings.js';

const STOP_TIMEOUT_MS = 8_000;

const settings = settingsOrExit(readSettings);
const log = createLog('control-plane', settings.logLevel);
const controlPlane = new ControlPlane(settings, log, fail);

let telemetry: Telemetry | undefined;
let stopping = false;
async function stop(signal: string): Promise<void> {
  if (stopping) return;
  stopping = true;
  log.info({ signal }, 'stopping');
  setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref();
  await controlPlane.close();
  await telemetry?.stop();
  process.exit(0);
}
process.once('SIGTERM', (signal) => void stop(signal));
process.once('SIGINT', (signal) => void stop(signal));

function fail(error: unknown): void {
  if (stopping) return;
  log.fatal({ err: error }, 'the control plane cannot go on');
  process.exit(1);
}

async function run(): Promise<void> {
  await controlPlane.serve();
  if (stopping) return;
  telemetry = startTelemetry({
    service: 'dotline-control-plane',
    log,
    registry: controlPlane.registry,
    identity: () => controlPlane.identity(),
  });
  // After a restart sidecars are served by now, and what changed meanwhile is to be traced. The first
  // start of a mesh waits for nothing.
  if (controlPlane.isServing) await telemetry.started;
  if (!stopping) await controlPlane.follow();
}

await run().catch(fail);
