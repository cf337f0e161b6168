import type { Request, RequestHandler, Response } from 'express';

/** Notes where a router is mounted, because express forgets it when a handler throws. */
export const mounted: RequestHandler = (request, response, next) => {
  response.locals.mountedAt = request.baseUrl;
  next();
};

/** The pattern that a request was answered by, such as `/api/services/:name`; `undefined` for files. */
export function routePattern(request: Request, response: Response): string | undefined {
  const path: unknown = request.route?.path;
  return typeof path === 'string' ? `${response.locals.mountedAt ?? ''}${path}` : undefined;
}
