import type { z } from 'zod';
import { PeerError, type Peers } from './peers.js';
import { Problem } from './problem.js';

/**
 * Asks a product's service of sessions whose bearer token a request carries.
 * @param verifier its name and the path that takes `{token}`
 * @throws Problem 401 when there is no token, or it is unknown or has expired
 */
export async function verifyBearer<Schema extends z.ZodType>(
  peers: Peers,
  verifier: { readonly callee: string; readonly path: string },
  authorization: string | undefined,
  schema: Schema,
): Promise<z.output<Schema>> {
  const token = /^Bearer (\S{20,2000})$/i.exec(authorization ?? '')?.[1];
  if (token === undefined)
    throw new Problem(401, 'Not signed in', 'Send the token as Authorization: Bearer');
  try {
    return await peers.call({ ...verifier, method: 'POST', body: { token } }, schema);
  } catch (error) {
    if (!(error instanceof PeerError) || error.answer.status !== 401) throw error;
    const detail = 'The token is unknown or has expired; sign in';
    throw new Problem(401, 'Not signed in', detail, {}, { cause: error });
  }
}
