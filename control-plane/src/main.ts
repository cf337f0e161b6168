import { pino } from 'pino';
import { ControlPlane } from './control-plane.js';
import { readSettings, type Settings, SettingsError } from './settings.js';
import { startTracing } from './tracing.js';

const STOP_TIMEOUT_MS = 8_000;

let settings: Settings;
try {
  settings = readSettings(process.env);
} catch (error) {
  process.stderr.write(`${error instanceof SettingsError ? error.message : String(error)}\n`);
  process.exit(2);
}

const log = pino({ level: settings.logLevel, base: { process: 'control-plane' } });
const stopTracing = await startTracing(process.env);
const controlPlane = new ControlPlane(settings, log, fail);

let stopping = false;
async function stop(signal: string): Promise<void> {
  if (stopping) return;
  stopping = true;
  log.info({ signal }, 'stopping');
  setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref();
  await controlPlane.close();
  await stopTracing?.().catch(() => undefined);
  process.exit(0);
}
process.once('SIGTERM', (signal) => void stop(signal));
process.once('SIGINT', (signal) => void stop(signal));

function fail(error: unknown): void {
  if (stopping) return;
  log.fatal({ err: error }, 'the control plane cannot go on');
  process.exit(1);
}

await controlPlane.start().catch(fail);
