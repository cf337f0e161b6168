import { z } from 'zod';
import { PeerError, type Peers } from '../runtime/peers.js';
import { Problem } from '../runtime/problem.js';

const Owner = z.object({ accountId: z.uuid() });

/**
 * Asks `accounts` whose bearer token a request carries.
 * @returns the account's id
 * @throws Problem 401 when there is no token, or it is unknown or has expired
 */
export async function bearerOf(peers: Peers, authorization: string | undefined): Promise<string> {
  const token = /^Bearer (\S{20,100})$/i.exec(authorization ?? '')?.[1];
  if (token === undefined)
    throw new Problem(401, 'Not signed in', 'Send the token as Authorization: Bearer');
  try {
    const path = '/v1/tokens/verify';
    const request = { callee: 'accounts', method: 'POST', path, body: { token } } as const;
    return (await peers.call(request, Owner)).accountId;
  } catch (error) {
    if (!(error instanceof PeerError) || error.answer.status !== 401) throw error;
    const detail = 'The token is unknown or has expired; sign in';
    throw new Problem(401, 'Not signed in', detail, {}, { cause: error });
  }
}
