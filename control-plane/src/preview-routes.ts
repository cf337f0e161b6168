import express, { type Router } from 'express';
import { type PreviewPage, PreviewPageShape } from './change-preview/preview-page.js';
import type { StoredPreview } from './preview-store.js';

/** A change to all of 9,300 edges is 10 MB. */
const BODY_MAX = '32mb';

/** `POST /v1/previews`; who may call is decided before. */
export function previewRoutes(
  store: (page: PreviewPage) => Promise<Pick<StoredPreview, 'id' | 'expiresAtMs'>>,
): Router {
  const router = express.Router();
  router.post('/', express.json({ limit: BODY_MAX }), async (request, response) => {
    const { success, error } = PreviewPageShape.safeParse(request.body);
    if (!success) {
      const [issue] = error.issues;
      const words = `${issue?.path.join('.')}: ${issue?.message}\n`;
      response.status(400).type('text/plain').send(words);
      return;
    }
    // Its inside was made by the same release of the platform; the page shows it and nothing else reads it.
    response.status(201).json(await store(request.body as PreviewPage));
  });
  return router;
}
