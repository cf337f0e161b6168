import { Router } from 'express';
import { z } from 'zod';
import type { Peers } from '../../runtime/peers.js';
import { parse } from '../../runtime/problem.js';
import { personOf } from '../bearer.js';
import type { GroupStore } from './group-store.js';

/** With the founder; a text to a group is one delivery for each member. */
const MEMBERS_MAX = 256;

const NewGroup = z.object({
  name: z.string().trim().min(1).max(100),
  memberIds: z
    .array(z.uuid())
    .min(1)
    .max(MEMBERS_MAX - 1),
});
const ListQuery = z.object({ limit: z.coerce.number().int().min(1).max(100).default(50) });

/** People found, see and leave their groups; a service that was granted `members` asks who belongs to one. */
export function groupOperations(groups: GroupStore, peers: Peers): Router {
  const router = Router();
  router.post('/v1/groups', async (request, response) => {
    const { name, memberIds } = parse(NewGroup, request.body);
    const founderId = await personOf(peers, request.headers.authorization);
    response.status(201).json(await groups.create(founderId, name, memberIds));
  });
  router.get('/v1/groups', async (request, response) => {
    const { limit } = parse(ListQuery, request.query);
    const personId = await personOf(peers, request.headers.authorization);
    response.json({ groups: await groups.of(personId, limit) });
  });
  router.post('/v1/groups/:id/leave', async (request, response) => {
    const id = parse(z.uuid(), request.params.id);
    await groups.leave(id, await personOf(peers, request.headers.authorization));
    response.status(204).end();
  });
  router.get('/v1/groups/:id/members', async (request, response) => {
    const id = parse(z.uuid(), request.params.id);
    response.json({ memberIds: await groups.members(id) });
  });
  return router;
}
