import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instance } from '@dotline/model/instance';
import type { ControlPlaneClient } from '@dotline/runner/control-plane-client';
import { requestIdentity } from '@dotline/runner/identity';
import type { Fleet, SidecarGroup } from '../load-client.js';

const url = (type: string) => `type.googleapis.com/envoy.${type}`;

/** The instances of a service, as their host registers them; `index` keeps their addresses apart. */
export function instancesOf(service: string, index: number, count: number): Instance[] {
  return Array.from({ length: count }, (_, number) => {
    const address = `127.${100 + Math.floor(number / 250)}.${index}.${(number % 250) + 1}`;
    return {
      id: `${service}-${number + 1}`,
      service,
      cell: 'cell-1',
      zone: 'here-a',
      region: 'here',
      address,
      port: 15_006,
      adminAddress: `${address}:15000`,
      state: 'ready',
    };
  });
}

/**
 * What the sidecars of these services ask for, each service with a certificate that the control plane
 * signed. The names of routes and authorization are those that its listeners would name.
 */
export async function fleet(
  api: ControlPlaneClient,
  services: readonly string[],
  perService: number,
  folder: string,
): Promise<Fleet> {
  const groups: SidecarGroup[] = [];
  for (const service of services) {
    const { key, certificate, bundle } = await requestIdentity({ service }, api);
    const directory = join(folder, 'identities', service);
    const files = {
      certificate: join(directory, 'certificate.pem'),
      key: join(directory, 'key.pem'),
      bundle: join(directory, 'bundle.pem'),
    };
    await mkdir(directory, { recursive: true });
    await writeFile(files.certificate, certificate);
    await writeFile(files.key, key, { mode: 0o600 });
    await writeFile(files.bundle, bundle);
    groups.push({
      prefix: `${service}-`,
      first: 1,
      count: perService,
      cluster: service,
      tls: { ...files, serverName: '127.0.0.1' },
    });
  }
  return {
    groups,
    wildcards: [url('config.cluster.v3.Cluster'), url('config.listener.v3.Listener')],
    named: {
      [url('config.endpoint.v3.ClusterLoadAssignment')]: ['{cluster}'],
      [url('config.route.v3.RouteConfiguration')]: ['inbound', 'outbound'],
      [url('config.core.v3.TypedExtensionConfig')]: ['inbound-authorization', 'jwt-authentication'],
    },
    edsExcept: 'dotline:',
  };
}
