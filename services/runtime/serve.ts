import { mkdir, rm } from 'node:fs/promises';
// The default import is the object that OpenTelemetry patches.
import http from 'node:http';
import { dirname } from 'node:path';
import { trace } from '@opentelemetry/api';
import express, { type NextFunction, type Request, type Response, type Router } from 'express';
import type { Logger } from './logger.js';
import { notFound, Problem } from './problem.js';

const BODY_LIMIT = '64kb';
const DRAIN_MS_MAX = 3000;

/** What a service is made of. */
export interface ServiceParts {
  /** Path of the Unix socket. */
  readonly listen: string;
  readonly log: Logger;
  /** The service's operations. */
  readonly router: Router;
  /** Rejects while the service cannot work; asked by `GET /healthz`. */
  readonly ready: () => Promise<void>;
}

/** A service that listens. */
export interface RunningService {
  /** Stops accepting, lets requests in flight finish (at most 3 s), removes the socket. */
  close(): Promise<void>;
}

/** Serves the operations as HTTP/1.1 on the socket, replacing one that an earlier run left. */
export async function serve(parts: ServiceParts): Promise<RunningService> {
  const server = http.createServer(application(parts));
  await mkdir(dirname(parts.listen), { recursive: true });
  await rm(parts.listen, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(parts.listen, resolve);
  });
  parts.log.info({ socket: parts.listen }, 'listening');
  return { close: () => close(server) };
}

function application({ log, router, ready }: ServiceParts): express.Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.get('/healthz', async (_request, response) => {
    await ready();
    response.json({ status: 'ok' });
  });
  app.use(express.json({ limit: BODY_LIMIT }));
  app.use((_request, response, next) => {
    response.once('finish', () => nameSpan(response));
    next();
  });
  app.use(router);
  app.use((request) => {
    throw notFound(`${request.method} ${request.path}`);
  });
  app.use((error: unknown, request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error);
    const problem = toProblem(error);
    if (problem.status >= 500)
      log.error({ err: error, method: request.method, path: request.path }, problem.detail);
    response
      .status(problem.status)
      .type('application/problem+json')
      .send(JSON.stringify(problem.document()));
  });
  return app;
}

/** Spans of one operation share a name, whatever the ids in the path. */
function nameSpan(response: Response): void {
  const route: unknown = response.req.route?.path;
  if (typeof route !== 'string') return;
  const template = route.replaceAll(/:(\w+)/g, '{$1}');
  trace
    .getActiveSpan()
    ?.updateName(`${response.req.method} ${template}`)
    .setAttribute('http.route', template);
}

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  // Errors of express's own parsers carry the status to answer with.
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 500;
  if (status >= 400 && status < 500 && error instanceof Error)
    return new Problem(status, 'Invalid request', error.message);
  return new Problem(500, 'Internal error', 'The service failed; its log has the cause');
}

async function close(server: http.Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const force = setTimeout(() => server.closeAllConnections(), DRAIN_MS_MAX);
  await closed;
  clearTimeout(force);
}
