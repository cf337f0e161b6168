import type { ClickHouseClient } from '@clickhouse/client';
import {
  type DecidedRequests,
  type DecisionFilter,
  operationDecisions,
  requestDecisions,
} from '@dotline/collectors/request-decisions';
import { inStoreSpan } from '@dotline/platform-process/span';
import { Router } from 'express';
import { ApiError, unavailable } from './api-error.js';
import type { DecisionCountsView, RequestDecisionsView } from './decision-view.js';
import { mounted } from './route-pattern.js';
import { ShortCache } from './short-cache.js';

const LIMIT = 50;
const LIMIT_MAX = 1_000;
const NAME_LENGTH_MAX = 200;
const NAMES = ['team', 'caller', 'callee', 'operation'] as const;
const OUTCOMES = ['allowed', 'refused', 'undecided'] as const;

/** What request-time policies decided lately. */
export function decisionRoutes(clickhouse: ClickHouseClient): Router {
  const router = Router();
  const kept = new ShortCache();
  router.use(mounted);
  router.get('/request-decisions', async ({ query }, response) => {
    const filter = filterOf(query);
    const read = () => requestDecisions(clickhouse, filter);
    const decisions = await kept
      .get(JSON.stringify(filter), () => inStoreSpan('clickhouse', 'read decisions', read))
      .catch((error: unknown) => {
        throw unavailable('ClickHouse', error);
      });
    const view: RequestDecisionsView = { decisions };
    response.setHeader('cache-control', 'no-store').json(view);
  });
  router.get('/request-decisions/counts', async ({ query }, response) => {
    const requests = requestsOf(query);
    const read = () => operationDecisions(clickhouse, requests);
    const operations = await kept
      .get(`counts ${JSON.stringify(requests)}`, () =>
        inStoreSpan('clickhouse', 'count decisions', read),
      )
      .catch((error: unknown) => {
        throw unavailable('ClickHouse', error);
      });
    const view: DecisionCountsView = { operations };
    response.setHeader('cache-control', 'no-store').json(view);
  });
  return router;
}

/** @throws ApiError 400 */
function filterOf(query: Readonly<Record<string, unknown>>): DecisionFilter {
  const outcome = OUTCOMES.find((each) => each === query.outcome);
  if (query.outcome !== undefined && outcome === undefined) {
    throw new ApiError(400, `outcome is one of ${OUTCOMES.join(', ')}`);
  }
  const limit = query.limit === undefined ? LIMIT : Number(query.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
    throw new ApiError(400, `limit is a whole number from 1 to ${LIMIT_MAX}`);
  }
  return { ...requestsOf(query), ...(outcome === undefined ? {} : { outcome }), limit };
}

/** @throws ApiError 400 */
function requestsOf(query: Readonly<Record<string, unknown>>): DecidedRequests {
  const given = NAMES.flatMap((name) => {
    const value = nameOf(query[name]);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(given);
}

/** @throws ApiError 400 */
function nameOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value.length <= NAME_LENGTH_MAX) return value;
  throw new ApiError(400, `${NAMES.join(', ')} are names, each given once`);
}
