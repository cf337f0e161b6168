import type { Revision } from '@dotline/model/revision';
import { platformSpiffeId } from '@dotline/model/spiffe-id';
import { PermissionDenied } from 'envoy-control-plane-ts';

/**
 * Lets only the operator see what sidecars hold: a sidecar's own identity does not open the
 * configuration of others.
 * @param uris of the verified client certificate
 * @throws PermissionDenied
 */
export function authorizeStatus(uris: readonly string[], revision: Revision | undefined): void {
  if (revision === undefined) throw new PermissionDenied('no revision is live yet');
  const operator = platformSpiffeId(revision.mesh.trustDomain, 'operator');
  if (uris.length !== 1 || uris[0] !== operator) {
    throw new PermissionDenied(`only ${operator} may see the configuration of sidecars`);
  }
}
