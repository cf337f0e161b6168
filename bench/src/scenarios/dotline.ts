import { setTimeout as sleep } from 'node:timers/promises';
import {
  callerName,
  fleetServices,
  grantTo,
  trustDomain,
  writeMesh,
} from '../dotline/mesh-directory.js';
import { startMesh } from '../dotline/running-mesh.js';
import { fleet, instancesOf } from '../dotline/sidecars.js';
import { LoadClient } from '../load-client.js';
import { residentKiB } from '../process-usage.js';
import type { Results } from '../results.js';
import { measureGrants, serviceCount } from './one-grant.js';

const syncMs = 180_000;
const heartbeatMs = 5_000;
const settleMs = 3_000;
const name = 'dotline';

/** Dotline's whole control plane: a team's saved Rego file grants one more caller. */
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
    results.add({ scenario: 'dotline', metric, server: name, value });
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
    const granted = (caller: number) => [...new Set([0, caller])].map((each) => callerName(each));
    const server = {
      name,
      pid: mesh.pid,
      compiledAtCpuMs: () => mesh.compiledAtCpuMs(),
      grant: (caller: number) => grantTo(mesh.meshDirectory, services, granted(caller)),
      marker: (caller: number) =>
        Buffer.from(`spiffe://${trustDomain}/service/${callerName(caller)}`),
      // So that no beat falls into the change.
      ready: async () => {
        await beat();
        heart.refresh();
      },
    };
    await measureGrants(server, client, count, changes, results);
  } finally {
    clearInterval(heart);
    await client.stop();
    await mesh.stop();
  }
}
