import { Router } from 'express';
import { z } from 'zod';
import type { Peers } from '../../runtime/peers.js';
import { parse } from '../../runtime/problem.js';
import { personOf } from '../bearer.js';
import { overallState } from './delivery-state.js';
import type { MessageStore } from './message-store.js';

const MessageBody = z.object({
  id: z.uuid(),
  senderId: z.uuid(),
  clientMessageId: z.string().min(1).max(80),
  to: z.union([z.strictObject({ personId: z.uuid() }), z.strictObject({ groupId: z.uuid() })]),
  text: z.string().min(1).max(4096),
  receiverIds: z.array(z.uuid()).min(1).max(256),
});
const FetchQuery = z.object({ limit: z.coerce.number().int().min(1).max(200).default(50) });
const ReceiptBody = z.object({ state: z.enum(['delivered', 'read']) });

/** `text` stores messages; receivers fetch and acknowledge theirs, and senders follow theirs. */
export function messageOperations(messages: MessageStore, peers: Peers): Router {
  const router = Router();
  router.post('/v1/messages', async (request, response) => {
    const message = parse(MessageBody, request.body);
    const isNew = await messages.keep(message);
    response.status(isNew ? 201 : 200).json({ id: message.id });
  });
  router.get('/v1/messages', async (request, response) => {
    const { limit } = parse(FetchQuery, request.query);
    const receiverId = await personOf(peers, request.headers.authorization);
    response.json({ messages: await messages.unread(receiverId, limit) });
  });
  router.post('/v1/messages/:id/receipts', async (request, response) => {
    const id = parse(z.uuid(), request.params.id);
    const receipt = parse(ReceiptBody, request.body).state;
    const receiverId = await personOf(peers, request.headers.authorization);
    response.json({ id, state: await messages.receipt(id, receiverId, receipt) });
  });
  router.get('/v1/messages/:id/deliveries', async (request, response) => {
    const id = parse(z.uuid(), request.params.id);
    const senderId = await personOf(peers, request.headers.authorization);
    const deliveries = await messages.deliveries(id, senderId);
    response.json({ id, state: overallState(deliveries.map(({ state }) => state)), deliveries });
  });
  return router;
}
