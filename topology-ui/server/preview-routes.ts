import { readPreview } from '@dotline/control-plane/preview-store';
import { Router } from 'express';
import type pg from 'pg';
import { ApiError, unavailable } from './api-error.js';
import type { PreviewView } from './policy-view.js';
import { mounted } from './route-pattern.js';

/** Previews of changes, as they were computed where OPA is. */
export function previewRoutes(database: pg.Pool): Router {
  const router = Router();
  router.use(mounted);
  router.get('/previews/:id', async ({ params }, response) => {
    const view: PreviewView | undefined = await readPreview(database, params.id).catch(
      (error: unknown) => {
        throw unavailable('PostgreSQL', error);
      },
    );
    if (view === undefined) {
      throw new ApiError(
        404,
        `there is no preview ${params.id}`,
        'it is kept for 14 days; dotline policy diff --page makes it again',
      );
    }
    response.setHeader('cache-control', 'no-store').json(view);
  });
  return router;
}
