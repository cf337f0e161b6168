import type { ClickHouseClient } from '@clickhouse/client';
import { allowedTraffic } from '@dotline/collectors/allowed-traffic';
import type { Revision } from '@dotline/model/revision';
import { inStoreSpan } from '@dotline/platform-process/span';
import { Router } from 'express';
import { ApiError, unavailable } from './api-error.js';
import type { AllowedTrafficView, LivePoliciesView } from './policy-view.js';
import { mounted } from './route-pattern.js';
import { ShortCache } from './short-cache.js';
import type { StructureFeed } from './structure-feed.js';

const DAYS = 7;
const DAYS_MAX = 90;

/** What a change is compared with before it is made: the live policies, and the traffic they let through. */
export function changeRoutes(structure: StructureFeed, clickhouse: ClickHouseClient): Router {
  const router = Router();
  const kept = new ShortCache();
  router.use(mounted);
  router.use((_request, response, next) => {
    response.setHeader('cache-control', 'no-store');
    next();
  });
  router.get('/policies/live', (_request, response) => {
    const { current, problem } = structure;
    if (current === undefined) throw unavailable('PostgreSQL', problem);
    if (current.live === undefined) throw new ApiError(503, 'no revision is live yet');
    const { revision, relations } = current.live;
    const view: LivePoliciesView = { revision: withoutSurroundings(revision), relations };
    response.json(view);
  });
  router.get('/traffic/allowed', async ({ query }, response) => {
    const days = daysOf(query.days);
    const read = () => allowedTraffic(clickhouse, days, Date.now());
    const view: AllowedTrafficView = await kept
      .get(`allowed ${days}`, () => inStoreSpan('clickhouse', 'read allowed traffic', read))
      .catch((error: unknown) => {
        throw unavailable('ClickHouse', error);
      });
    response.json(view);
  });
  return router;
}

/** A revision without what only those need to know who start its services. */
function withoutSurroundings(revision: Revision): Revision {
  const services = revision.mesh.services.map((service) => ({
    ...service,
    command: [],
    environment: {},
    directory: '',
  }));
  return { ...revision, mesh: { ...revision.mesh, services, directory: '' } };
}

/** @throws ApiError 400 */
function daysOf(text: unknown): number {
  if (text === undefined) return DAYS;
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > DAYS_MAX) {
    throw new ApiError(400, `days is a whole number from 1 to ${DAYS_MAX}`);
  }
  return days;
}
