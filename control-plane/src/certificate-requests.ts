import type { Revision } from '@dotline/model/revision';
import {
  type PlatformComponent,
  platformSpiffeId,
  serviceSpiffeId,
} from '@dotline/model/spiffe-id';
import { z } from 'zod';
import {
  type CertificateAuthority,
  CertificateRequestError,
  type SignedCertificate,
} from './certificate-authority.js';

const CSR_LENGTH_MAX = 16_384;

/** Parts of the platform that hosts may have certified; the control plane certifies itself. */
const CERTIFIED_PARTS = [
  'collector',
  'authorizer',
  'slo',
  'page-server',
  'runner',
  'operator',
] as const satisfies PlatformComponent[];

const Csr = z.string().min(1).max(CSR_LENGTH_MAX);

/** Body of `POST /v1/certificates`. */
export const CertificateRequest = z.union([
  z.strictObject({ csr: Csr, service: z.string().min(1).max(63) }),
  z.strictObject({ csr: Csr, platform: z.enum(CERTIFIED_PARTS) }),
]);
export type CertificateRequest = z.infer<typeof CertificateRequest>;

/** Platform parts are reached by these names on their own host. */
const LOCAL_NAMES = ['localhost', '127.0.0.1'];

/**
 * Certifies a key for a service of the live mesh or a part of the platform.
 * @throws CertificateRequestError when the csr cannot be used or the mesh has no such service
 */
export async function certify(
  authority: CertificateAuthority,
  request: CertificateRequest,
  { mesh }: Revision,
): Promise<SignedCertificate> {
  if ('platform' in request) {
    const id = platformSpiffeId(mesh.trustDomain, request.platform);
    return authority.signCertificate(request.csr, id, LOCAL_NAMES);
  }
  if (!mesh.services.some(({ name }) => name === request.service)) {
    throw new CertificateRequestError(`mesh ${mesh.name} has no service ${request.service}`);
  }
  return authority.signCertificate(request.csr, serviceSpiffeId(mesh.trustDomain, request.service));
}
