import { setTimeout as sleep } from 'node:timers/promises';
import { type Arrival, type Fleet, LoadClient } from '../load-client.js';
import { cpuMs, residentKiB } from '../process-usage.js';
import { median, spread } from '../quantiles.js';
import type { Results } from '../results.js';

/** Of the team. */
export const serviceCount = 20;

const syncMs = 180_000;
const arrivalMs = 60_000;
const settleMs = 3_000;
const quietMs = 1_000;
const quietTriesMax = 60;
/** Changes that are not counted: a process that has made none yet is slower, whatever it is written in. */
const warmUps = 2;
/** Callers that the mesh has beside the one that is always granted. */
const otherCallers = 49;

/** A control plane in which one team's policy says who may read each of its services. */
export interface GrantingServer {
  readonly name: string;
  readonly pid: number;
  /** Where it serves xDS. */
  readonly target: string;
  /** The sidecars of the team's services. */
  readonly fleet: Fleet;
  /** The first caller and this one; 0 for the first alone. */
  grant(caller: number): void | Promise<void>;
  /** What a response holds with this caller's grant, and without it not. */
  marker(caller: number): Buffer;
  /** Comes between the calm before a change and the change. */
  ready?(): Promise<void>;
  /**
   * CPU that the process had used when it last had compiled policy, ms. Absent where policy is not
   * compiled but served as it is; there all of a change's CPU counts as spent after the compilation.
   */
  readonly compiledAtCpuMs?: () => number | undefined;
}

interface MeasuredGrant {
  readonly arrival: Arrival;
  readonly compileMs: number | undefined;
  readonly afterMs: number;
  readonly bytes: number;
  readonly responses: number;
}

/**
 * The sidecars connect; then, again and again, one caller more is granted a read of all services of the
 * team, so that the authorization of each sidecar changes.
 * @param program of the load client
 */
export async function measureGrants(
  server: GrantingServer,
  changes: number,
  program: string,
  results: Results,
): Promise<void> {
  const note = (metric: string, value: number) =>
    results.add({ scenario: 'dotline', metric, server: server.name, value });
  const sidecars = server.fleet.groups.reduce((sum, { count }) => sum + count, 0);
  const client = new LoadClient(program);
  const measured: MeasuredGrant[] = [];
  try {
    const emptyKiB = await residentKiB(server.pid);
    const sync = await client.connect(server.target, server.fleet, syncMs);
    note('initial sync of all, ms', sync.max);
    await sleep(settleMs);
    note('memory a stream, KiB', ((await residentKiB(server.pid)) - emptyKiB) / sidecars);
    for (let change = 0; change < warmUps + changes; change++) {
      const one = await oneGrant(server, client, sidecars, 1 + (change % otherCallers));
      if (change >= warmUps) measured.push(one);
    }
  } finally {
    await client.stop();
  }
  const ms = spread(measured.flatMap(({ arrival }) => arrival.ms));
  note('p50, ms', ms.p50);
  note('p99, ms', ms.p99);
  note('max, ms', ms.max);
  note('p99 of the median change, ms', median(measured.map((m) => spread(m.arrival.ms).p99)));
  note('first response, ms', median(measured.map((m) => Math.min(...m.arrival.firstMs))));
  note('last ACK, ms', median(measured.map(({ arrival }) => arrival.lastAckMs)));
  const compileMs = measured.flatMap((m) => m.compileMs ?? []);
  if (compileMs.length > 0) {
    note('server CPU until compiled, ms', median(compileMs));
  }
  note('server CPU after the compile, ms', median(measured.map(({ afterMs }) => afterMs)));
  note('bytes a sidecar', median(measured.map(({ bytes }) => bytes / sidecars)));
  note('responses a sidecar', median(measured.map(({ responses }) => responses / sidecars)));
}

/** From one granted caller to two; before that, back to one. */
async function oneGrant(
  server: GrantingServer,
  client: LoadClient,
  sidecars: number,
  caller: number,
): Promise<MeasuredGrant> {
  await server.grant(0);
  await calm(client);
  await server.ready?.();
  const before = await cpuMs(server.pid);
  const arrival = await client.measure(server.marker(caller), sidecars, arrivalMs, () =>
    server.grant(caller),
  );
  await sleep(500);
  const after = await cpuMs(server.pid);
  const { bytes, responses } = await client.take();
  if (server.compiledAtCpuMs === undefined) {
    return { arrival, compileMs: undefined, afterMs: after - before, bytes, responses };
  }
  const compiled = server.compiledAtCpuMs() ?? Number.NaN;
  return { arrival, compileMs: compiled - before, afterMs: after - compiled, bytes, responses };
}

/** Until nothing has been sent for a while: what came before is not part of the change. */
async function calm(client: LoadClient): Promise<void> {
  await sleep(settleMs - quietMs);
  await client.take();
  for (let tries = 0; tries < quietTriesMax; tries++) {
    await sleep(quietMs);
    if ((await client.take()).responses === 0) {
      return;
    }
  }
}
