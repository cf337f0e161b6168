import { create } from '@bufbuild/protobuf';
import type { Instance } from '@dotline/model/instance';
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/endpoint/v3/endpoint_pb';
import { tcpAddress } from './address.js';

/** The ready instances of a service, grouped by cell; the same for every caller. */
export function endpoints(service: string, instances: readonly Instance[]): ClusterLoadAssignment {
  const cells = new Map<string, Instance[]>();
  const ready = instances
    .filter((instance) => instance.service === service && instance.state === 'ready')
    .sort((a, b) => compare(a.id, b.id));
  for (const instance of ready) {
    const key = JSON.stringify([instance.region, instance.zone, instance.cell]);
    cells.set(key, [...(cells.get(key) ?? []), instance]);
  }
  return create(ClusterLoadAssignmentSchema, {
    clusterName: service,
    endpoints: [...cells]
      .sort(([a], [b]) => compare(a, b))
      .map(([, members]) => ({
        ...locality(members),
        lbEndpoints: members.map((instance) => ({
          hostIdentifier: {
            case: 'endpoint' as const,
            value: { address: tcpAddress(instance.address, instance.port) },
          },
        })),
      })),
  });
}

function locality([first]: readonly Instance[]) {
  return first === undefined
    ? {}
    : { locality: { region: first.region, zone: first.zone, subZone: first.cell } };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
