import { randomUUID } from 'node:crypto';
import { Router } from 'express';
import { z } from 'zod';
import type { Logger } from '../../runtime/logger.js';
import { PeerError, type Peers, PeerUnreachable } from '../../runtime/peers.js';
import { notFound, Problem, parse } from '../../runtime/problem.js';
import { ESTIMATE_SECONDS, Estimate, type EstimateStore } from './estimate-store.js';
import { price } from './price.js';

const NEARBY_METRES = 3000;
/** The surge is worth no long wait. */
const NEARBY_TIMEOUT_MS = 500;

const EstimateRequest = z.object({
  fromPlaceId: z.string().min(1).max(40),
  toPlaceId: z.string().min(1).max(40),
});
const Route = Estimate.pick({ from: true, to: true, distanceMetres: true, durationSeconds: true });
const Nearby = z.object({ drivers: z.array(z.object({ id: z.string() })) });

/** What the operations work with. */
interface Parts {
  readonly estimates: EstimateStore;
  readonly peers: Peers;
  readonly log: Logger;
}

export function fareOperations(parts: Parts): Router {
  const router = Router();
  router.post('/v1/estimates', async (request, response) => {
    const { fromPlaceId, toPlaceId } = parse(EstimateRequest, request.body);
    const route = await findRoute(parts.peers, fromPlaceId, toPlaceId);
    const estimate: Estimate = {
      id: randomUUID(),
      ...route,
      ...price({ ...route, freeDrivers: await countFreeDrivers(parts, route.from) }),
      currency: 'EUR',
      expiresAt: new Date(Date.now() + ESTIMATE_SECONDS * 1000).toISOString(),
    };
    await parts.estimates.save(estimate);
    response.status(201).json(estimate);
  });
  router.get('/v1/estimates/:id', async (request, response) => {
    const id = parse(z.uuid(), request.params.id);
    const estimate = await parts.estimates.find(id);
    if (estimate === undefined) throw notFound(`estimate ${id}; it may have expired`);
    response.json(estimate);
  });
  return router;
}

async function findRoute(peers: Peers, fromPlaceId: string, toPlaceId: string) {
  const body = { fromPlaceId, toPlaceId };
  try {
    return await peers.call({ callee: 'routes', method: 'POST', path: '/v1/routes', body }, Route);
  } catch (error) {
    const refused = error instanceof PeerError && [400, 422].includes(error.answer.status);
    if (!refused) throw error;
    const detail = `No route from ${fromPlaceId} to ${toPlaceId}`;
    throw new Problem(422, 'No route', detail, { routes: error.answer.body }, { cause: error });
  }
}

/** A price without surge is better than no price, so an unknown supply is no error. */
async function countFreeDrivers({ peers, log }: Parts, at: { lat: number; lon: number }) {
  const path = `/v1/drivers?lat=${at.lat}&lon=${at.lon}&radiusMetres=${NEARBY_METRES}`;
  try {
    const timeoutMs = NEARBY_TIMEOUT_MS;
    const answer = await peers.call({ callee: 'drivers', method: 'GET', path, timeoutMs }, Nearby);
    return answer.drivers.length;
  } catch (error) {
    if (!(error instanceof PeerError || error instanceof PeerUnreachable)) throw error;
    log.warn({ err: error }, 'supply unknown, no surge');
    return undefined;
  }
}
