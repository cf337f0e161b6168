import { setTimeout as sleep } from 'node:timers/promises';
import type { Exporting } from './exporting.js';
import type { TelemetrySettings } from './telemetry-settings.js';

/** A process that ends does not wait longer for a collector that may have ended before it. */
const STOP_MS = 2_000;

/** The telemetry of this process. */
export interface Telemetry {
  /** Resolves when spans are recorded, or never will be. */
  readonly started: Promise<void>;
  /** Sends what is there, in bounded time. Never rejects. */
  stop(): Promise<void>;
}

const OFF: Telemetry = { started: Promise.resolve(), stop: async () => undefined };

/**
 * Exports this process's spans, metrics and log records to the collector that
 * `OTEL_EXPORTER_OTLP_ENDPOINT` names; does nothing without it or with `OTEL_SDK_DISABLED=true`.
 * Returns at once; spans wait, bounded, until the collector and the identity are there. Loading the SDK
 * holds the process for a quarter of a second, so call it when the process serves.
 */
export function startTelemetry(settings: TelemetrySettings): Telemetry {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SDK_DISABLED: disabled } = process.env;
  if (!endpoint || disabled === 'true') return OFF;
  const exporting = load(settings);
  return {
    started: exporting.then(() => undefined),
    async stop() {
      const stopped = exporting.then((started) => started?.stop()).catch(() => undefined);
      await Promise.race([stopped, sleep(STOP_MS, undefined, { ref: false })]);
    },
  };
}

async function load(settings: TelemetrySettings): Promise<Exporting | undefined> {
  try {
    const { startExporting } = await import('./exporting.js');
    return startExporting(settings);
  } catch (error) {
    settings.log.error({ err: error }, 'this process exports no telemetry');
    return undefined;
  }
}
