import { Router } from 'express';
import { z } from 'zod';
import { PeerError, type Peers } from '../../runtime/peers.js';
import { Problem, parse } from '../../runtime/problem.js';
import { bearerOf } from '../bearer.js';
import type { AgreedRide, Order, OrderStore } from './order-store.js';

const Place = z.object({ id: z.string(), name: z.string(), lat: z.number(), lon: z.number() });
const Estimate = z.object({
  from: Place,
  to: Place,
  amountCents: z.number().int(),
  currency: z.string(),
  durationSeconds: z.number(),
});
const OrderBody = z.object({ estimateId: z.uuid() });
const IdempotencyKey = z
  .string('is missing: send the header Idempotency-Key')
  .regex(/^[A-Za-z0-9-]{8,80}$/, 'must be 8 to 80 letters, digits and dashes');

/** What the operations work with. */
interface Parts {
  readonly orders: OrderStore;
  readonly peers: Peers;
  /** Called when there is work. */
  readonly wake: () => void;
}

/** Riders place, follow and cancel their own orders. */
export function orderOperations({ orders, peers, wake }: Parts): Router {
  const router = Router();
  router.post('/v1/orders', async (request, response) => {
    const { estimateId } = parse(OrderBody, request.body);
    const key = parse(IdempotencyKey, request.headers['idempotency-key']);
    const riderId = await bearerOf(peers, request.headers.authorization);
    // The estimate of an order that was placed may have expired since.
    const placed = await orders.placed(riderId, key);
    const ride =
      placed?.ride.estimateId === estimateId ? placed.ride : await agreedRide(peers, estimateId);
    const order = await orders.place(riderId, key, ride);
    wake();
    response.status(201).json(document(order));
  });
  router.get('/v1/orders/:id', async (request, response) => {
    const id = parse(z.uuid(), request.params.id);
    const riderId = await bearerOf(peers, request.headers.authorization);
    response.json(document(await orders.find(id, riderId)));
  });
  router.post('/v1/orders/:id/cancel', async (request, response) => {
    const id = parse(z.uuid(), request.params.id);
    const riderId = await bearerOf(peers, request.headers.authorization);
    const order = await orders.find(id, riderId);
    const state = await orders.record(order, { event: 'cancel' });
    if (state === undefined && order.state !== 'cancelled')
      throw new Problem(409, 'Too late', `The order is ${order.state} and cannot be cancelled`);
    response.json(document({ ...order, state: 'cancelled' }));
  });
  return router;
}

async function agreedRide(peers: Peers, estimateId: string): Promise<AgreedRide> {
  const path = `/v1/estimates/${estimateId}`;
  try {
    const estimate = await peers.call({ callee: 'fare', method: 'GET', path }, Estimate);
    return { estimateId, ...estimate };
  } catch (error) {
    if (!(error instanceof PeerError) || error.answer.status !== 404) throw error;
    const detail = 'The price is unknown or has expired; ask for a new one';
    throw new Problem(422, 'No price', detail, {}, { cause: error });
  }
}

function document({ id, riderId, ride, state, driverId, createdAt }: Order) {
  return { id, riderId, state, driverId, createdAt, ...ride };
}
