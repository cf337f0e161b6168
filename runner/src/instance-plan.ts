import type { Instance } from '@dotline/model/instance';
import type { Mesh, Service } from '@dotline/model/mesh';

/** Ports of a sidecar on its own loopback address. */
const INBOUND_PORT = 15006;
const ADMIN_PORT = 15000;
export const TELEMETRY_PORT = 4318;

/** Host numbers 1 to 254 in the last byte of an address, 256 networks in the third. */
const HOSTS_MAX = 254;

/** The most instances one machine can address. */
export const INSTANCES_MAX = HOSTS_MAX * 16;

/** An instance that should run here. */
export interface PlannedInstance {
  readonly id: string;
  readonly service: Service;
  readonly instance: Omit<Instance, 'state'>;
}

/** What one machine cannot run. */
export class PlanError extends Error {
  override readonly name = 'PlanError';
}

/**
 * Gives every replica of every service an id and a loopback address. An address that an instance has
 * in `addresses` stays its own, so that a service added to the mesh moves no other.
 * @param prefix first two or three bytes of the addresses, such as `127.70.3`
 * @throws PlanError when there are more than `INSTANCES_MAX` instances
 */
export function planInstances(
  mesh: Mesh,
  prefix: string,
  addresses: ReadonlyMap<string, string>,
): PlannedInstance[] {
  const cells = new Map(mesh.cells.map((cell) => [cell.name, cell]));
  const used = new Set(addresses.values());
  let next = 1;
  const freeAddress = () => {
    for (; next <= INSTANCES_MAX; next++) {
      const address = addressOf(prefix, next);
      if (!used.has(address)) {
        used.add(address);
        return address;
      }
    }
    throw new PlanError(
      `one machine runs ${INSTANCES_MAX} instances at most; reduce the placement of some services`,
    );
  };
  return mesh.services.flatMap((service) =>
    service.placement.map((cellName, index) => {
      const id = `${service.name}-${index + 1}`;
      const address = addresses.get(id) ?? freeAddress();
      const cell = cells.get(cellName);
      return {
        id,
        service,
        instance: {
          id,
          service: service.name,
          cell: cellName,
          zone: cell?.zone ?? '',
          region: cell?.region ?? '',
          address,
          port: INBOUND_PORT,
          adminAddress: `${address}:${ADMIN_PORT}`,
        },
      };
    }),
  );
}

function addressOf(prefix: string, number: number): string {
  const bytes = prefix.split('.').map(Number);
  const third = ((bytes[2] ?? 0) + Math.floor((number - 1) / HOSTS_MAX)) % 256;
  return `${bytes[0]}.${bytes[1]}.${third}.${((number - 1) % HOSTS_MAX) + 1}`;
}
