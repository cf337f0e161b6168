import { Router } from 'express';
import { unavailable } from './api-error.js';
import { rolloutView } from './rollout-view.js';
import { mounted } from './route-pattern.js';
import type { StructureFeed } from './structure-feed.js';

/** How far the last rollout is that runs or ran in waves, or went back. */
export function rolloutRoutes(structure: StructureFeed): Router {
  const router = Router();
  router.use(mounted);
  router.get('/rollout', async (_request, response) => {
    await structure.readAnew();
    const { current, problem } = structure;
    if (current === undefined || problem !== null) throw unavailable('PostgreSQL', problem);
    response.setHeader('cache-control', 'no-store');
    response.json(current.rollout === undefined ? null : rolloutView(current.rollout));
  });
  return router;
}
