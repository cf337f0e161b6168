import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { HealthStatus } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/health_check_pb';
import type { LbEndpoint } from 'envoy-control-plane-ts/gen/envoy/config/endpoint/v3/endpoint_components_pb';
import { ClusterLoadAssignmentSchema } from 'envoy-control-plane-ts/gen/envoy/config/endpoint/v3/endpoint_pb';
import { registry } from 'envoy-control-plane-ts/gen/registry';

/**
 * Endpoints as both sides can state them. Envoy keeps no message of endpoints but the hosts made of
 * it, and writes down every default: weight, health, health check. Order has no meaning. What the
 * server says to be unhealthy must be so at Envoy; what it says to be healthy may be ejected there.
 */
export function comparableEndpoints(
  held: JsonValue,
  used: JsonValue,
): { readonly held: JsonValue; readonly used: JsonValue } {
  const heldHosts = hostsOf(held);
  const usedHosts = hostsOf(used);
  for (const [key, host] of Object.entries(usedHosts)) {
    if (heldHosts[key]?.health === 'healthy') host.health = 'healthy';
  }
  return { held: heldHosts, used: usedHosts };
}

type Host = { [key: string]: JsonValue } & { health: string };

/** Hosts by locality, priority and address. */
function hostsOf(content: JsonValue): Record<string, Host> {
  const { endpoints } = fromJson(ClusterLoadAssignmentSchema, content, { registry });
  const hosts: Record<string, Host> = {};
  for (const { locality, priority, lbEndpoints } of endpoints) {
    const place = [locality?.region, locality?.zone, locality?.subZone].join('/');
    for (const endpoint of lbEndpoints) {
      hosts[`endpoints[${place}, priority ${priority}, ${addressOf(endpoint)}]`] = {
        health: healthOf(endpoint.healthStatus),
        weight: endpoint.loadBalancingWeight ?? 1,
        hostname: hostnameOf(endpoint),
        metadata: JSON.stringify(endpoint.metadata?.filterMetadata ?? {}),
      };
    }
  }
  return hosts;
}

function addressOf({ hostIdentifier }: LbEndpoint): string {
  if (hostIdentifier.case !== 'endpoint') return `named ${hostIdentifier.value ?? ''}`;
  const address = hostIdentifier.value.address?.address;
  if (address?.case === 'socketAddress') {
    const { address: host, portSpecifier } = address.value;
    return `${host}:${portSpecifier.value ?? ''}`;
  }
  return address?.case === 'pipe' ? address.value.path : (address?.case ?? 'nowhere');
}

function hostnameOf({ hostIdentifier }: LbEndpoint): string {
  return hostIdentifier.case === 'endpoint' ? hostIdentifier.value.hostname : '';
}

function healthOf(status: HealthStatus): string {
  switch (status) {
    case HealthStatus.UNHEALTHY:
    case HealthStatus.DRAINING:
    case HealthStatus.TIMEOUT:
      return 'unhealthy';
    case HealthStatus.DEGRADED:
      return 'degraded';
    default:
      return 'healthy';
  }
}
