import { type Response, Router } from 'express';
import { ApiError, unknownPath } from './api-error.js';
import type { EventStream } from './event-stream.js';
import type { MeshPicture } from './mesh-picture.js';
import type { RevisionEnforcement } from './revision-enforcement.js';
import { mounted } from './route-pattern.js';

const WAIT_MS_MAX = 30_000;

/** The API below `/api`. */
export function apiRoutes(
  picture: MeshPicture,
  enforcement: RevisionEnforcement,
  events: EventStream,
): Router {
  const router = Router();
  router.use(mounted);
  router.use((_request, response, next) => {
    response.setHeader('cache-control', 'no-store');
    next();
  });
  router.get('/graph', async (_request, response) => {
    response.json(await picture.graph());
  });
  router.get('/status', async (_request, response) => {
    response.json(await picture.status());
  });
  router.get('/sidecars', (_request, response) => {
    response.json(picture.sidecars());
  });
  router.get('/sidecars/:instance', ({ params }, response) => {
    response.json(picture.sidecars(params.instance));
  });
  router.get('/revisions/:name/enforcement', async ({ params, query }, response) => {
    const signal = AbortSignal.any([AbortSignal.timeout(waitMs(query.waitMs)), gone(response)]);
    response.json(await enforcement.settled(params.name, signal));
  });
  router.get('/services', async (_request, response) => {
    response.json(await picture.services());
  });
  router.get('/services/:name', async ({ params }, response) => {
    response.json(await picture.service(params.name));
  });
  router.get('/edges', async (_request, response) => {
    response.json(await picture.edges());
  });
  router.get('/edges/:caller/:callee', async ({ params }, response) => {
    response.json(await picture.edge(params.caller, params.callee));
  });
  router.get('/explain/:from/:to', ({ params }, response) => {
    response.json(picture.explain(params.from, params.to));
  });
  router.get('/objectives', (_request, response) => {
    response.json(picture.objectives());
  });
  router.get('/traces/:traceId', async ({ params }, response) => {
    response.json(await picture.trace(params.traceId));
  });
  router.get('/events', async (request, response) => {
    if (events.isFull) {
      throw new ApiError(503, 'too many pages listen already', 'close some, or read /api/graph');
    }
    // Before the first revision there is no picture; it is sent when there is one.
    const graph = await picture.graph().catch((error: unknown) => {
      if (error instanceof ApiError) return undefined;
      throw error;
    });
    await events.connect(request, response, [
      ...(graph === undefined ? [] : [['graph', graph] as const]),
      ['traffic', picture.lastTraffic()],
    ]);
  });
  router.use(unknownPath);
  return router;
}

/** @throws ApiError 400 */
function waitMs(text: unknown): number {
  if (text === undefined) return 0;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > WAIT_MS_MAX) {
    throw new ApiError(400, `waitMs is a whole number from 0 to ${WAIT_MS_MAX}`);
  }
  return value;
}

/** Aborts when the one who asked has gone. */
function gone(response: Response): AbortSignal {
  const controller = new AbortController();
  response.on('close', () => controller.abort());
  return controller.signal;
}
