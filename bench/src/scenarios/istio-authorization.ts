import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callerName, fleetServices } from '../dotline/mesh-directory.js';
import type { Fleet, SidecarGroup } from '../load-client.js';
import { MeasuredServer, type ServerName } from '../measured-server.js';
import type { Results } from '../results.js';
import { measureGrants, serviceCount } from './one-grant.js';

/** As many instances have addresses that differ in their last number alone. */
const instancesPerBlock = 250;

const url = (type: string) => `type.googleapis.com/envoy.config.${type}`;

/**
 * Istio with the mesh, the sidecars and the change of `dotline`: the `AuthorizationPolicy` of a
 * namespace gets one principal more, so the inbound listener of each of its sidecars changes. Both
 * sides serve sidecars over mTLS and know each by its certificate. Istio is given the policy as an
 * object in its configuration store, without a Kubernetes API server in front of it. Its sidecars know
 * all services, as is its default; those of `istio-scoped` know no other, as Dotline's here.
 */
export async function istioAuthorization(
  name: ServerName,
  sidecars: number,
  changes: number,
  program: string,
  results: Results,
): Promise<void> {
  const perService = Math.ceil(sidecars / serviceCount);
  const folder = await mkdtemp(join(tmpdir(), 'dotline-bench-istio-'));
  try {
    const authorization = { folder, instancesPerService: perService };
    const server = await MeasuredServer.start(name, sidecars, { authorization });
    try {
      const granting = {
        name,
        pid: server.pid,
        target: server.target,
        fleet: fleet(folder, perService),
        grant: (caller: number) => server.change(caller, sidecars),
        marker: (caller: number) => Buffer.from(`/ns/callers/sa/${callerName(caller)}`),
      };
      await measureGrants(granting, changes, program, results);
    } finally {
      await server.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What an Envoy of Istio's asks for; its node id says its address, by which Istio finds its service. */
function fleet(folder: string, perService: number): Fleet {
  const groups: SidecarGroup[] = [];
  for (const [index, service] of fleetServices(serviceCount).entries()) {
    const files = join(folder, service);
    for (let from = 0; from < perService; from += instancesPerBlock) {
      groups.push({
        prefix: `sidecar~10.${100 + from / instancesPerBlock}.${index}.`,
        suffix: `~${service}.fleet~fleet.svc.cluster.local`,
        first: 1,
        count: Math.min(instancesPerBlock, perService - from),
        cluster: service,
        tls: {
          certificate: join(files, 'certificate.pem'),
          key: join(files, 'key.pem'),
          bundle: join(files, 'bundle.pem'),
          serverName: '127.0.0.1',
        },
      });
    }
  }
  return {
    groups,
    wildcards: [url('cluster.v3.Cluster'), url('listener.v3.Listener')],
    named: { [url('route.v3.RouteConfiguration')]: ['80'] },
    edsPrefix: 'outbound|',
  };
}
