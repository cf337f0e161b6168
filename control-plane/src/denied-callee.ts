import type { Revision } from '@dotline/model/revision';
import { type ResourceProblem, TypeUrl } from 'envoy-control-plane-ts';

/** Codes of google.rpc.Code. */
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;

/**
 * Why a service's sidecar has no cluster or endpoints of this name: the mesh does not know the
 * callee, or no edge allows the call. Sidecars of ours ask only for what they have; clients that ask
 * by name are told whose word is missing.
 */
export function deniedCallee(
  revision: Revision,
  caller: string,
  typeUrl: string,
  name: string,
): ResourceProblem | undefined {
  if (typeUrl !== TypeUrl.Cluster && typeUrl !== TypeUrl.Endpoint) return undefined;
  const callee = revision.mesh.services.find((service) => service.name === name);
  if (callee === undefined) {
    return { code: NOT_FOUND, message: `the mesh has no service ${name}` };
  }
  if (revision.edges.some((edge) => edge.caller === caller && edge.callee === name)) {
    return undefined;
  }
  const contact = revision.mesh.teams.find((team) => team.name === callee.team)?.contact;
  return {
    code: PERMISSION_DENIED,
    message:
      `${caller} may not call ${name}: no edge in revision ${revision.id}; ` +
      `ask team ${callee.team} (${contact}), and see dotline explain ${caller} ${name}`,
  };
}
