import { commitAll } from '../commit-all.js';
import {
  callerName,
  fleetServices,
  grantTo,
  trustDomain,
  writeMesh,
} from '../dotline/mesh-directory.js';
import { startMesh } from '../dotline/running-mesh.js';
import { fleet, instancesOf } from '../dotline/sidecars.js';
import type { Results } from '../results.js';
import { measureGrants, serviceCount } from './one-grant.js';

const heartbeatMs = 5_000;

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
  const mesh = await startMesh(async (directory) => {
    await writeMesh(directory, services);
    // As every mesh directory is, so that Git is asked about each change.
    commitAll(directory);
  }, profileFile);
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
    const server = {
      name: 'dotline',
      pid: mesh.pid,
      target: `127.0.0.1:${mesh.xdsPort}`,
      fleet: await fleet(mesh.api, services, perService, mesh.folder),
      grant: (caller: number) =>
        grantTo(mesh.meshDirectory, services, [...new Set([0, caller])].map(callerName)),
      marker: (caller: number) =>
        Buffer.from(`spiffe://${trustDomain}/service/${callerName(caller)}`),
      // So that no beat falls into the change.
      ready: async () => {
        await beat();
        heart.refresh();
      },
      compiledAtCpuMs: mesh.compiledAtCpuMs,
    };
    await measureGrants(server, changes, program, results);
  } finally {
    clearInterval(heart);
    await mesh.stop();
  }
}
