import {
  decodeRequestPolicy,
  type RequestPolicyDocument,
  RequestPolicyDocumentError,
} from '@dotline/policies/request-policy-document';
import express, { type Router } from 'express';
import { ShadowError } from './shadow-error.js';

/** As much as an authorizer fetches. */
const DOCUMENT_MAX = '64mb';

/** Where documents are kept by their hash. */
export interface RequestPolicyKeeper {
  readonly keepRequestPolicy: (
    hash: string,
    document: RequestPolicyDocument,
    bytes: Buffer,
  ) => Promise<void>;
}

/** `PUT /v1/request-policies/:hash`: what a revision that is to be staged is judged by; who may call is decided before. */
export function requestPolicyRoutes({ keepRequestPolicy }: RequestPolicyKeeper): Router {
  const router = express.Router();
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
