import { setTimeout as sleep } from 'node:timers/promises';
import { type Fleet, LoadClient } from '../load-client.js';
import { isIstio, MeasuredServer, type ServerName } from '../measured-server.js';
import { cpuMs } from '../process-usage.js';
import type { Results } from '../results.js';

const syncMs = 180_000;
const settleMs = 2_000;

const clusterUrl = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';

/** One server process with its sidecars connected; scenarios run on it one after the other. */
export interface Visit {
  readonly server: MeasuredServer;
  readonly client: LoadClient;
  readonly sidecars: number;
  /** A number for the next change, never used before. */
  nextChange(): number;
  note(scenario: string, metric: string, value: number): void;
}

/** So that every kind of server recognizes its nodes and their clusters. */
export function fleetOf(name: ServerName, count: number): Fleet {
  return {
    groups: [{ ...nodeNames(name), first: 0, count, cluster: 'bench' }],
    wildcards: [clusterUrl],
    edsPrefix: isIstio(name) ? 'outbound|' : 'service-',
  };
}

function nodeNames(name: ServerName): { prefix: string; suffix?: string } {
  return isIstio(name)
    ? { prefix: 'sidecar~10.255.0.1~sidecar-', suffix: '.default~default.svc.cluster.local' }
    : { prefix: 'sidecar-' };
}

/** Starts a server, connects its sidecars, measures that, and runs the scenarios; stops all of it. */
export async function visit(
  name: ServerName,
  sidecars: number,
  program: string,
  results: Results,
  scenarios: readonly ((visit: Visit) => Promise<void>)[],
  { label = '', profileFile }: { readonly label?: string; readonly profileFile?: string } = {},
): Promise<void> {
  const server = await MeasuredServer.start(name, sidecars);
  const client = new LoadClient(program);
  const note = (scenario: string, metric: string, value: number) =>
    results.add({ scenario: `${label}${scenario}`, metric, server: name, value });
  try {
    const emptyKiB = await server.collectedKiB();
    const cpuBefore = await server.cpuMs();
    const stopProfile = profileFile === undefined ? undefined : await server.profile(profileFile);
    const sync = await client.connect(server.target, fleetOf(name, sidecars), syncMs);
    await stopProfile?.();
    note('initial-sync', 'p50, ms', sync.p50);
    note('initial-sync', 'p99, ms', sync.p99);
    note('initial-sync', 'all, ms', sync.max);
    await sleep(settleMs);
    const { bytes } = await client.take();
    note(
      'initial-sync',
      'server CPU a stream, ms',
      ((await server.cpuMs()) - cpuBefore) / sidecars,
    );
    note('initial-sync', 'bytes a stream', bytes / sidecars);
    const uncollectedKiB = await server.residentKiB();
    const heldKiB = await server.collectedKiB();
    note('memory', 'a stream, KiB', (heldKiB - emptyKiB) / sidecars);
    note(
      'memory',
      'a stream before garbage collection, KiB',
      (uncollectedKiB - emptyKiB) / sidecars,
    );
    note('memory', 'process without streams, MiB', emptyKiB / 1024);
    await sleep(settleMs);
    let change = 0;
    for (const scenario of scenarios) {
      await scenario({ server, client, sidecars, nextChange: () => ++change, note });
    }
  } finally {
    await client.stop();
    await server.stop();
  }
}

/** CPU that the server and the load client use while something runs and until it has calmed down. */
export async function usage<Outcome>(
  { server, client }: Pick<Visit, 'server' | 'client'>,
  run: () => Promise<Outcome>,
): Promise<{ readonly serverMs: number; readonly clientMs: number; readonly outcome: Outcome }> {
  const before = await Promise.all([server.cpuMs(), cpuMs(client.pid)]);
  const outcome = await run();
  await sleep(500);
  const after = await Promise.all([server.cpuMs(), cpuMs(client.pid)]);
  return { serverMs: after[0] - before[0], clientMs: after[1] - before[1], outcome };
}
