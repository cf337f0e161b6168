import { setTimeout as sleep } from 'node:timers/promises';
import {
  callerName,
  fleetServices,
  grantTo,
  trustDomain,
  writeMesh,
} from '../dotline/mesh-directory.js';
import { type RunningMesh, startMesh } from '../dotline/running-mesh.js';
import { fleet, instancesOf } from '../dotline/sidecars.js';
import { type Arrival, LoadClient } from '../load-client.js';
import { cpuMs, residentKiB } from '../process-usage.js';
import { median, spread } from '../quantiles.js';
import type { Results } from '../results.js';

const serviceCount = 20;
const syncMs = 180_000;
const arrivalMs = 60_000;
const heartbeatMs = 5_000;
const settleMs = 3_000;
const server = 'control plane';

/**
 * Dotline's whole control plane: a team's saved Rego grants one more caller a read of all of its
 * services, so the authorization of every sidecar changes.
 */
export async function dotline(
  sidecars: number,
  changes: number,
  program: string,
  results: Results,
  profileFile?: string,
): Promise<void> {
  const services = fleetServices(serviceCount);
  const perService = Math.ceil(sidecars / serviceCount);
  const count = perService * serviceCount;
  const note = (metric: string, value: number) =>
    results.add({ scenario: 'dotline', metric, server, value });
  const mesh = await startMesh((directory) => writeMesh(directory, services), profileFile);
  const client = new LoadClient(program);
  // A host for each service.
  const hosts = services.map((service, index) => ({
    name: `host-${index}`,
    instances: instancesOf(service, index, perService),
  }));
  const beat = async () => {
    for (const { name, instances } of hosts) {
      await mesh.api.putInstances(name, instances);
    }
  };
  // A beat that comes late is made good by the next.
  const heart = setInterval(() => void beat().catch(() => undefined), heartbeatMs);
  try {
    await beat();
    const emptyKiB = await residentKiB(mesh.pid);
    const sync = await client.connect(
      `127.0.0.1:${mesh.xdsPort}`,
      await fleet(mesh.api, services, perService, mesh.folder),
      syncMs,
    );
    note('initial sync of all, ms', sync.max);
    await sleep(settleMs);
    note('memory a stream, KiB', ((await residentKiB(mesh.pid)) - emptyKiB) / count);
    const measured = [];
    for (let change = 1; change <= changes; change++) {
      measured.push(await oneChange(mesh, client, services, count, change));
      heart.refresh();
    }
    await sleep(settleMs);
    const ms = spread(measured.flatMap(({ arrival }) => arrival.ms));
    note('p50, ms', ms.p50);
    note('p99, ms', ms.p99);
    note('max, ms', ms.max);
    note('p99 of the median change, ms', median(measured.map((m) => spread(m.arrival.ms).p99)));
    note('first response, ms', median(measured.map((m) => Math.min(...m.arrival.firstMs))));
    note('last ACK, ms', median(measured.map(({ arrival }) => arrival.lastAckMs)));
    note('server CPU until compiled, ms', median(measured.map(({ compileMs }) => compileMs)));
    note('server CPU after the compile, ms', median(measured.map(({ afterMs }) => afterMs)));
    note('bytes a sidecar', median(measured.map(({ bytes }) => bytes / count)));
    note('responses a sidecar', median(measured.map(({ responses }) => responses / count)));
  } finally {
    clearInterval(heart);
    await client.stop();
    await mesh.stop();
  }
}

interface MeasuredChange {
  readonly arrival: Arrival;
  readonly compileMs: number;
  readonly afterMs: number;
  readonly bytes: number;
  readonly responses: number;
}

/** From one granted caller to two; before that, back to one. */
async function oneChange(
  mesh: RunningMesh,
  client: LoadClient,
  services: readonly string[],
  sidecars: number,
  change: number,
): Promise<MeasuredChange> {
  const caller = callerName(change);
  await grantTo(mesh.meshDirectory, services, [callerName(0)]);
  await sleep(settleMs);
  await client.take();
  const before = await cpuMs(mesh.pid);
  const arrival = await client.measure(
    Buffer.from(`spiffe://${trustDomain}/service/${caller}`),
    sidecars,
    arrivalMs,
    () => grantTo(mesh.meshDirectory, services, [callerName(0), caller]),
  );
  await sleep(500);
  const after = await cpuMs(mesh.pid);
  const compiled = mesh.compiledAtCpuMs() ?? Number.NaN;
  const { bytes, responses } = await client.take();
  return { arrival, compileMs: compiled - before, afterMs: after - compiled, bytes, responses };
}
