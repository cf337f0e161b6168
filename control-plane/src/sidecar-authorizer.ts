import type { Instance } from '@dotline/model/instance';
import type { Revision } from '@dotline/model/revision';
import { serviceOfSpiffeId } from '@dotline/model/spiffe-id';
import { NotReady, PermissionDenied } from 'envoy-control-plane-ts';

/** Who a client has proven to be, and who it says it is. */
export interface SidecarClaim {
  /** URIs of the verified client certificate. */
  readonly uris: readonly string[];
  readonly nodeId: string;
  readonly nodeCluster: string;
}

/**
 * Lets a sidecar have the configuration of one instance: its certificate must be that of the service
 * it names, and the instance must be one of this service. An instance that no host has announced yet
 * may wait on its stream; it is sent nothing before.
 * @throws PermissionDenied, NotReady
 */
export function authorizeSidecar(
  claim: SidecarClaim,
  revision: Revision | undefined,
  registered: (id: string) => Pick<Instance, 'service'> | undefined,
): void {
  if (revision === undefined) throw new NotReady('no revision is live yet');
  const { trustDomain } = revision.mesh;
  const services = claim.uris.flatMap((uri) => serviceOfSpiffeId(trustDomain, uri) ?? []);
  const [service] = services;
  if (service === undefined || services.length !== 1) {
    throw new PermissionDenied(
      `the client certificate must name one service of ${trustDomain}, not ${claim.uris.join(', ') || 'none'}`,
    );
  }
  if (claim.nodeCluster !== service) {
    throw new PermissionDenied(
      `the certificate is that of service ${service}, but node.cluster is ${claim.nodeCluster}`,
    );
  }
  const instance = registered(claim.nodeId);
  const owner = instance === undefined ? serviceOfInstanceId(claim.nodeId) : instance.service;
  if (owner !== service) {
    throw new PermissionDenied(`${claim.nodeId} is no instance of service ${service}`);
  }
}

/** Instance `n` of a service is `<service>-<n>`. */
export function serviceOfInstanceId(id: string): string | undefined {
  return /^(.+)-[1-9]\d{0,4}$/.exec(id)?.[1];
}
