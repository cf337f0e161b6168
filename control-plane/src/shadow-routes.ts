import express, { type Router } from 'express';
import { shadowRequest } from './shadow-request.js';
import type { ShadowStage } from './shadow-stage.js';

/** A mesh of 10,000 services. */
const BODY_MAX = '64mb';
const BY_MAX = 200;

/** `PUT` and `DELETE /v1/shadow`; who may call is decided before. */
export function shadowRoutes(stage: Pick<ShadowStage, 'start' | 'stop'>): Router {
  const router = express.Router();
  router.put('/', express.json({ limit: BODY_MAX }), async (request, response) => {
    response.json(await stage.start(shadowRequest(request.body)));
  });
  router.delete('/', async ({ query: { by } }, response) => {
    const name = typeof by === 'string' ? by.slice(0, BY_MAX) : undefined;
    response.json({ stopped: (await stage.stop(name)) ?? null });
  });
  return router;
}
