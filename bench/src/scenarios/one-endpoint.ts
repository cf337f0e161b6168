import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Arrival, Traffic } from '../load-client.js';
import { markerOfChange } from '../marker.js';
import { isNode, type ServerName } from '../measured-server.js';
import { spread } from '../quantiles.js';
import { usage, type Visit } from './visit.js';

const arrivalMs = 60_000;
const pauseMs = 250;

/** A server that has served is measured, not one whose code runs for the first time. */
const warmUpChanges = 2;

/** One endpoint moves, and every sidecar holds it. */
export function oneEndpoint(changes: number, profileDirectory?: string) {
  return async (visit: Visit): Promise<void> => {
    for (let i = 0; i < warmUpChanges; i++) {
      await unmeasuredChange(visit, visit.sidecars);
    }
    const stopProfile =
      profileDirectory === undefined
        ? undefined
        : await visit.server.profile(
            profileFile(profileDirectory, visit.server.name, 'one-endpoint'),
          );
    await changesTouching(visit, 'one-endpoint', visit.sidecars, changes);
    await stopProfile?.();
  };
}

/** Node's profiles open in Chromium's developer tools, Go's in `go tool pprof`. */
export function profileFile(directory: string, server: ServerName, scenario: string): string {
  return join(directory, `${server}.${scenario}.${isNode(server) ? 'cpuprofile' : 'pprof'}`);
}

/** A change that so many sidecars get, until the last has it. */
export async function unmeasuredChange(visit: Visit, touched: number): Promise<void> {
  const change = visit.nextChange();
  await visit.client.measure(markerOfChange(change), touched, arrivalMs, () =>
    visit.server.change(change, touched),
  );
  await sleep(pauseMs);
}

/** Changes that touch so many sidecars, one after the other, each until the last has it. */
export async function changesTouching(
  visit: Visit,
  scenario: string,
  touched: number,
  changes: number,
): Promise<void> {
  const { client, server, note } = visit;
  await client.take();
  const { serverMs, clientMs, outcome } = await usage(visit, async () => {
    const arrivals: Arrival[] = [];
    for (let i = 0; i < changes; i++) {
      const change = visit.nextChange();
      arrivals.push(
        await client.measure(markerOfChange(change), touched, arrivalMs, () =>
          server.change(change, touched),
        ),
      );
      await sleep(pauseMs);
    }
    return arrivals;
  });
  const traffic: Traffic = await client.take();
  const ms = spread(outcome.flatMap((arrival) => arrival.ms));
  note(scenario, 'p50, ms', ms.p50);
  note(scenario, 'p99, ms', ms.p99);
  note(scenario, 'max, ms', ms.max);
  note(scenario, 'last ACK, ms', spread(outcome.map(({ lastAckMs }) => lastAckMs)).p50);
  note(scenario, 'server CPU a change, ms', serverMs / changes);
  note(scenario, 'client CPU a change, ms', clientMs / changes);
  note(scenario, 'bytes a touched sidecar', traffic.bytes / changes / touched);
  note(scenario, 'responses a change', traffic.responses / changes);
}
