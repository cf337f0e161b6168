import express, { type Router } from 'express';
import { shadowRequest } from './shadow-request.js';
import type { ShadowStage } from './shadow-stage.js';

/** A mesh of 10,000 services. */
const BODY_MAX = '64mb';

/** `PUT` and `DELETE /v1/shadow`; who may call is decided before. */
export function shadowRoutes(stage: Pick<ShadowStage, 'start' | 'stop'>): Router {
  const router = express.Router();
  router.put('/', express.json({ limit: BODY_MAX }), async (request, response) => {
    response.json(await stage.start(shadowRequest(request.body)));
  });
  router.delete('/', async (_request, response) => {
    response.json({ stopped: (await stage.stop()) ?? null });
  });
  return router;
}
