import { z } from 'zod';
import { verifyBearer } from '../runtime/bearer.js';
import type { Peers } from '../runtime/peers.js';

const VERIFIER = { callee: 'accounts', path: '/v1/tokens/verify' };
const Owner = z.object({ accountId: z.uuid() });

/**
 * @returns the id of the account whose bearer token a request carries
 * @throws Problem 401 when there is no token, or it is unknown or has expired
 */
export async function bearerOf(peers: Peers, authorization: string | undefined): Promise<string> {
  return (await verifyBearer(peers, VERIFIER, authorization, Owner)).accountId;
}
