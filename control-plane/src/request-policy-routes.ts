import {
  decodeRequestPolicy,
  type RequestPolicyDocument,
  RequestPolicyDocumentError,
} from '@dotline/policies/request-policy-document';
import express, { type Router } from 'express';
import { z } from 'zod';
import type { PolicyDemand } from './policy-demand.js';
import { ShadowError } from './shadow-error.js';

const Asked = z.object({
  host: z.string().min(1).max(80),
  has: z.string().max(80),
  waitMs: z.coerce.number().int().min(0).max(30_000),
});

/** As much as an authorizer fetches. */
const DOCUMENT_MAX = '64mb';

/** What these calls need: where documents are kept by their hash, and which are wanted. */
export interface RequestPolicyParts {
  readonly policies: Pick<PolicyDemand, 'next'>;
  readonly keepRequestPolicy: (
    hash: string,
    document: RequestPolicyDocument,
    bytes: Buffer,
  ) => Promise<void>;
}

/**
 * `GET /v1/request-policies?host=&has=&waitMs=`: what a host's authorizer is to have at hand. `PUT …/:hash`: what a
 * revision that is to be staged is judged by. Who may call is decided before.
 */
export function requestPolicyRoutes({ keepRequestPolicy, policies }: RequestPolicyParts): Router {
  const router = express.Router();
  router.get('/', async ({ query }, response) => {
    const { success, data } = Asked.safeParse(query);
    if (!success) throw new ShadowError(400, 'host, has and waitMs are needed');
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), data.waitMs);
    response.on('close', () => over.abort());
    response.json(await policies.next(data.host, data.has, over.signal));
    clearTimeout(timer);
  });
  const body = express.raw({ type: 'application/octet-stream', limit: DOCUMENT_MAX });
  router.put('/:hash', body, async ({ params, body: sent }, response) => {
    const bytes = Buffer.isBuffer(sent) ? sent : Buffer.alloc(0);
    await keepRequestPolicy(params.hash, decoded(params.hash, bytes), bytes);
    response.status(204).end();
  });
  return router;
}

/** @throws ShadowError */
function decoded(hash: string, bytes: Buffer): RequestPolicyDocument {
  try {
    return decodeRequestPolicy(hash, bytes);
  } catch (error) {
    if (error instanceof RequestPolicyDocumentError) throw new ShadowError(400, error.message);
    throw error;
  }
}
