import express, { type RequestHandler, Router } from 'express';

/** The page and its parts come from this server alone; cytoscape and uPlot set styles on elements. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "worker-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Headers of every answer. */
export const securityHeaders: RequestHandler = (_request, response, next) => {
  response.setHeader('content-security-policy', CONTENT_SECURITY_POLICY);
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('x-frame-options', 'DENY');
  response.setHeader('cross-origin-opener-policy', 'same-origin');
  response.setHeader('cross-origin-resource-policy', 'same-origin');
  next();
};

/** Names that carry a hash of the content, as the bundler writes them: `main-XD5QSII6.js`. */
const HASHED = /-[A-Z0-9]{8}\.[a-z0-9.]+$/i;

/** The built page. Hashed files may be kept for ever, `index.html` names the present ones and may not. */
export function pageFiles(directory: string): Router {
  const router = Router();
  router.use(
    express.static(directory, {
      index: 'index.html',
      setHeaders: (response, path) => {
        const kept = HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache';
        response.setHeader('cache-control', kept);
      },
    }),
  );
  return router;
}
