import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { Instance } from '@dotline/model/instance';
import type { HostAndPort } from '@dotline/platform-process/settings';
import express, { type NextFunction, type Request, type Response } from 'express';
import type { Logger } from 'pino';
import type { z } from 'zod';
import type { AuditEvent } from './audit-event.js';
import { type CertificateAuthority, CertificateRequestError } from './certificate-authority.js';
import { CertificateRequest, certify } from './certificate-requests.js';
import type { PreviewPage } from './change-preview/preview-page.js';
import { isDatabaseAbsent } from './database.js';
import { HostInstances } from './host-instances.js';
import { InstanceConflictError } from './instance-registry.js';
import type { Metrics } from './metrics.js';
import { previewRoutes } from './preview-routes.js';
import type { storePreview } from './preview-store.js';
import { type RequestPolicyParts, requestPolicyRoutes } from './request-policy-routes.js';
import type { LiveRevision } from './revision-store.js';
import { answerRollback, ReleaseCall, RollbackCall, type RollbackParts } from './rollback-calls.js';
import { RollbackError } from './rollback-error.js';
import { answerRolloutCall, RolloutCall, type RolloutParts } from './rollout-calls.js';
import type { ServerCertificate } from './server-certificate.js';
import { shadowRoutes } from './shadow-routes.js';
import type { ShadowStage } from './shadow-stage.js';

const BODY_MAX = '8mb';
const CONNECTIONS_MAX = 1_000;
const REQUEST_TIMEOUT_MS = 15_000;

export interface ApiParts extends RollbackParts, RolloutParts, RequestPolicyParts {
  readonly joinToken: string;
  readonly authority: CertificateAuthority;
  readonly live: () => LiveRevision | undefined;
  /** The document that authorizers decide with, by its hash. */
  readonly requestPolicy: (hash: string) => Promise<Buffer | undefined>;
  /** @throws InstanceConflictError */
  readonly putInstances: (host: string, instances: readonly Instance[]) => void;
  readonly audited: (event: AuditEvent) => void;
  readonly shadow: Pick<ShadowStage, 'start' | 'stop'>;
  readonly storePreview: (page: PreviewPage) => ReturnType<typeof storePreview>;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** A request that cannot be served, with the status and the words for the client. */
class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** The calls of docs/architecture.md, "Control plane API". */
export function api(parts: ApiParts): express.Express {
  const { live, metrics, log } = parts;
  const app = express();
  app.disable('x-powered-by');

  app.get('/healthz', (_request, response) => {
    const revision = live()?.revision.id;
    if (revision === undefined) throw new ApiError(503, 'no revision is live yet');
    response.json({ revision });
  });
  app.get('/metrics', async (_request, response) => {
    response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });

  // Whoever knows the hash has it from a sidecar's configuration, so it needs no token.
  app.get('/request-policies/:hash', async (request, response) => {
    const document = await parts.requestPolicy(request.params.hash);
    if (document === undefined) throw new ApiError(404, 'no such request policy');
    response.type('application/json').send(document);
  });
  app.use('/v1/request-policies', bearer(parts.joinToken), requestPolicyRoutes(parts));
  app.use('/v1/shadow', bearer(parts.joinToken), shadowRoutes(parts.shadow));
  app.use('/v1/previews', bearer(parts.joinToken), previewRoutes(parts.storePreview));
  app.use('/v1', bearer(parts.joinToken), express.json({ limit: BODY_MAX }));

  app.post('/v1/certificates', async (request, response) => {
    const body = parse(CertificateRequest, request.body);
    const signed = await certify(parts.authority, body, liveOf(parts).revision);
    metrics.certificates.inc({ kind: 'service' in body ? 'service' : 'platform' });
    if ('platform' in body && body.platform === 'operator') {
      const { remoteAddress: address } = request.socket;
      const actor = { kind: 'operator', name: 'unnamed' } as const;
      parts.audited({ actor, action: 'operator-certified', details: { address } });
    }
    log.debug({ ...body, csr: undefined, notAfterMs: signed.notAfterMs }, 'certificate issued');
    response.status(201).json(signed);
  });
  app.put('/v1/instances', (request, response) => {
    const { host, instances } = parse(HostInstances, request.body);
    parts.putInstances(host, instances);
    response.status(204).end();
  });
  app.get('/v1/revision', (request, response) => {
    const { revision } = liveOf(parts);
    // Hosts ask every few seconds; a revision's id is the hash of its content.
    response.set('ETag', `"${revision.id}"`);
    if (request.fresh) response.status(304).end();
    else response.json(revision);
  });
  app.post('/v1/rollback', async (request, response) => {
    response.json(await answerRollback(parts, parse(RollbackCall, request.body)));
  });
  app.post('/v1/rollout', async (request, response) => {
    response.json(await answerRolloutCall(parts, parse(RolloutCall, request.body)));
  });
  app.post('/v1/rollback/release', async (request, response) => {
    const { by } = parse(ReleaseCall, request.body);
    const released = await parts.release({ kind: 'operator', name: by });
    response.json({ released, revision: liveOf(parts).revision.id });
  });

  app.use((request) => {
    throw new ApiError(404, `no call ${request.method} ${request.path}`);
  });
  app.use((error: unknown, request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error);
    const { status, message } = answerTo(error);
    if (status >= 500 && !(error instanceof ApiError)) {
      log.error({ err: error, method: request.method, path: request.path }, 'a request failed');
    }
    response.status(status).type('text/plain').send(`${message}\n`);
  });
  return app;
}

/** Serves the API over TLS with the control plane's own certificate, whatever its renewals. */
export async function serveApi(
  app: express.Express,
  certificate: ServerCertificate,
  listen: HostAndPort,
): Promise<{ readonly server: Server; readonly port: number }> {
  const context = () => ({
    key: certificate.current.key,
    cert: certificate.current.certificate,
    minVersion: 'TLSv1.2' as const,
  });
  const server = createServer(context(), app);
  server.maxConnections = CONNECTIONS_MAX;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  certificate.onRenewed(() => server.setSecureContext(context()));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(listen.port, listen.host, resolve);
  });
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

function liveOf({ live }: ApiParts): LiveRevision {
  const found = live();
  if (found === undefined) throw new ApiError(503, 'no revision is live yet');
  return found;
}

function bearer(token: string) {
  const expected = digest(`Bearer ${token}`);
  return (request: Request, _response: Response, next: NextFunction): void => {
    // Digests have one length, so comparing them tells nothing about the token.
    if (!timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) {
      throw new ApiError(401, 'the bearer token is missing or wrong: see JOIN_TOKEN');
    }
    next();
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** @throws ApiError that names what is wrong with the body */
function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body ?? {});
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  );
  throw new ApiError(400, problems.slice(0, 10).join('; '));
}

function answerTo(error: unknown): { readonly status: number; readonly message: string } {
  if (error instanceof ApiError) return error;
  if (error instanceof CertificateRequestError) return { status: 400, message: error.message };
  if (error instanceof InstanceConflictError) return { status: 409, message: error.message };
  if (error instanceof RollbackError) {
    return { status: error.kind === 'unknown' ? 404 : 409, message: error.message };
  }
  if (isDatabaseAbsent(error)) return { status: 503, message: 'PostgreSQL does not answer' };
  // Thrown by the body parser: malformed or too large.
  const { status, expose, message } = error as {
    status?: number;
    expose?: boolean;
    message?: string;
  };
  if (status !== undefined && expose === true) return { status, message: message ?? 'bad request' };
  return { status: 500, message: 'internal error' };
}
