import { Router } from 'express';
import { z } from 'zod';
import { PeerError, type Peers } from '../../runtime/peers.js';
import { notFound, Problem, parse } from '../../runtime/problem.js';
import { personOf } from '../bearer.js';
import type { ContactStore } from './contact-store.js';

const NewContact = z.object({ name: z.string().trim().min(1).max(100), phone: z.e164() });
const FindQuery = z.object({
  text: z.string().max(100).default(''),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});
const Person = z.object({ personId: z.uuid() });

/** People keep their own address books; a service that was granted `check` asks who knows whom. */
export function contactOperations(contacts: ContactStore, peers: Peers): Router {
  const router = Router();
  router.post('/v1/contacts', async (request, response) => {
    const { name, phone } = parse(NewContact, request.body);
    const ownerId = await personOf(peers, request.headers.authorization);
    const contact = { personId: await personWithNumber(peers, phone), name, phone };
    await contacts.save(ownerId, contact);
    response.status(201).json(contact);
  });
  router.get('/v1/contacts', async (request, response) => {
    const { text, limit } = parse(FindQuery, request.query);
    const ownerId = await personOf(peers, request.headers.authorization);
    response.json({ contacts: await contacts.find(ownerId, text, limit) });
  });
  router.delete('/v1/contacts/:person', async (request, response) => {
    const personId = parse(z.uuid(), request.params.person);
    await contacts.remove(await personOf(peers, request.headers.authorization), personId);
    response.status(204).end();
  });
  router.get('/v1/people/:owner/contacts/:person', async (request, response) => {
    const ownerId = parse(z.uuid(), request.params.owner);
    const personId = parse(z.uuid(), request.params.person);
    if (!(await contacts.has(ownerId, personId))) throw notFound('such contact');
    response.json({ ownerId, personId });
  });
  return router;
}

async function personWithNumber(peers: Peers, phone: string): Promise<string> {
  // In the body, because paths are logged.
  const request = { callee: 'sessions', method: 'POST', path: '/v1/people/find' } as const;
  try {
    return (await peers.call({ ...request, body: { phone } }, Person)).personId;
  } catch (error) {
    if (!(error instanceof PeerError) || error.answer.status !== 404) throw error;
    throw new Problem(422, 'Not here', 'Nobody has registered this number', {}, { cause: error });
  }
}
