/** A process that exports a span again and again, `turn 0`, `turn 1`, …, until it is told to end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Gauge, Registry } from 'prom-client';
import { createLog } from '../log.js';
import { inSpan } from '../span.js';
import { startTelemetry } from '../telemetry.js';

const TURN_MS = 50;

const log = createLog('traced', 'info');
const registry = new Registry();
const turns = new Gauge({ name: 'dotline_turns', help: 'Turns so far', registers: [registry] });
const telemetry = startTelemetry({ service: 'traced', log, registry });
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

for (let turn = 0; !stop.signal.aborted; turn += 1) {
  await inSpan(`turn ${turn};`, {}, async () => {
    if (turn % 10 === 0) log.info(`at turn ${turn}`);
    await sleep(TURN_MS, undefined, { signal: stop.signal }).catch(() => undefined);
  });
  turns.set(turn);
}
await telemetry.stop();
process.exit(0);
