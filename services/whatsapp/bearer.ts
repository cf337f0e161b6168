import { z } from 'zod';
import { verifyBearer } from '../runtime/bearer.js';
import type { Peers } from '../runtime/peers.js';

const VERIFIER = { callee: 'sessions', path: '/v1/sessions/verify' };
const Holder = z.object({ personId: z.uuid() });

/**
 * @returns the id of the person whose bearer token a request carries
 * @throws Problem 401 when there is no token, or it is unknown or has expired
 */
export async function personOf(peers: Peers, authorization: string | undefined): Promise<string> {
  return (await verifyBearer(peers, VERIFIER, authorization, Holder)).personId;
}
