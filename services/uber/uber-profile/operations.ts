import { type Request, Router } from 'express';
import { z } from 'zod';
import type { Peers } from '../../runtime/peers.js';
import { notFound, Problem, parse } from '../../runtime/problem.js';
import { bearerOf } from '../bearer.js';
import type { ProfileStore } from './profile-store.js';

const ProfileBody = z.object({
  name: z.string().trim().min(1).max(100),
  phone: z.e164(),
});

/** Each account reads and writes its own profile and no other. */
export function profileOperations(profiles: ProfileStore, peers: Peers): Router {
  const ownAccount = async (request: Request<{ account: string }>): Promise<string> => {
    const accountId = parse(z.uuid(), request.params.account);
    if ((await bearerOf(peers, request.headers.authorization)) === accountId) return accountId;
    throw new Problem(403, 'Not yours', 'A profile is read and written by its owner alone');
  };

  const router = Router();
  router.put('/v1/profiles/:account', async (request, response) => {
    const profile = parse(ProfileBody, request.body);
    const accountId = await ownAccount(request);
    await profiles.save(accountId, profile);
    response.json({ accountId, ...profile });
  });
  router.get('/v1/profiles/:account', async (request, response) => {
    const accountId = await ownAccount(request);
    const profile = await profiles.find(accountId);
    if (profile === undefined) throw notFound(`profile of ${accountId}`);
    response.json({ accountId, ...profile });
  });
  router.delete('/v1/profiles/:account', async (request, response) => {
    await profiles.erase(await ownAccount(request));
    response.status(204).end();
  });
  return router;
}
