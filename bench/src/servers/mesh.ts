import { create } from '@bufbuild/protobuf';
import { resource, type TypedResource } from 'envoy-control-plane-ts';
import {
  Cluster_DiscoveryType,
  ClusterSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/cluster/v3/cluster_pb';
import { ApiVersion } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/config_source_pb';
import { ClusterLoadAssignmentSchema } from 'envoy-control-plane-ts/gen/envoy/config/endpoint/v3/endpoint_pb';
import { addressOfChange } from '../marker.js';

/** The benchmark's mesh, the same as in `go/cmd/go-control-plane`. */
export const clusterCount = 50;
const endpointsPerCluster = 5;

export function clusters(): TypedResource[] {
  return Array.from({ length: clusterCount }, (_, index) => {
    const name = `service-${index}`;
    return resource(
      ClusterSchema,
      name,
      create(ClusterSchema, {
        name,
        clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
        connectTimeout: { seconds: 1n },
        edsClusterConfig: {
          edsConfig: {
            resourceApiVersion: ApiVersion.V3,
            configSourceSpecifier: { case: 'ads', value: {} },
          },
        },
      }),
    );
  });
}

export function assignments(): TypedResource[] {
  return Array.from({ length: clusterCount }, (_, index) => assignment(index, 0));
}

/** The assignment that a change replaces: its first endpoint moves to the address of the change. */
export function changedAssignment(change: number): TypedResource {
  return assignment(change % clusterCount, change);
}

function assignment(index: number, change: number): TypedResource {
  const clusterName = `service-${index}`;
  const lbEndpoints = Array.from({ length: endpointsPerCluster }, (_, endpoint) => {
    const moved = endpoint === 0 && change > 0;
    const address = moved ? addressOfChange(change) : `10.200.${index}.${endpoint}`;
    return {
      hostIdentifier: {
        case: 'endpoint' as const,
        value: {
          address: {
            address: {
              case: 'socketAddress' as const,
              value: { address, portSpecifier: { case: 'portValue' as const, value: 8080 } },
            },
          },
        },
      },
    };
  });
  return resource(
    ClusterLoadAssignmentSchema,
    clusterName,
    create(ClusterLoadAssignmentSchema, { clusterName, endpoints: [{ lbEndpoints }] }),
  );
}
