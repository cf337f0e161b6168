import type { ClickHouseClient } from '@clickhouse/client';
import { deniedAttempts } from '@dotline/collectors/denied-attempts';
import { operationUsage } from '@dotline/collectors/operation-usage';
import { readEdgeAges } from '@dotline/control-plane/edge-ages';
import { inStoreSpan } from '@dotline/platform-process/span';
import { Router } from 'express';
import type pg from 'pg';
import { ApiError, unavailable } from './api-error.js';
import type { DeniedAttemptsView, PolicyUsageView } from './policy-view.js';
import { mounted } from './route-pattern.js';
import { ShortCache } from './short-cache.js';
import type { StructureFeed } from './structure-feed.js';

const DAYS_MAX = 400;

/** What rules are used for: by what was let through and what was refused, and how old edges are. */
export function usageRoutes(
  structure: StructureFeed,
  database: pg.Pool,
  clickhouse: ClickHouseClient,
): Router {
  const router = Router();
  const kept = new ShortCache();
  router.use(mounted);
  router.get('/policies/usage', async ({ query }, response) => {
    const days = daysOf(query.days, 30);
    const { current, problem } = structure;
    if (current === undefined) throw unavailable('PostgreSQL', problem);
    if (current.live === undefined) throw new ApiError(503, 'no revision is live yet');
    const { revision } = current.live;
    const read = () => operationUsage(clickhouse, days, Date.now());
    const [usage, edgeAges] = await Promise.all([
      kept
        .get(`usage ${days}`, () => inStoreSpan('clickhouse', 'read usage', read))
        .catch(isAway('ClickHouse')),
      readEdgeAges(database).catch(isAway('PostgreSQL')),
    ]);
    const view: PolicyUsageView = { revision: revision.id, edgeAges, usage };
    response.setHeader('cache-control', 'no-store').json(view);
  });
  router.get('/traffic/denied', async ({ query }, response) => {
    const days = daysOf(query.days, 7);
    const read = () => deniedAttempts(clickhouse, days, Date.now());
    const view: DeniedAttemptsView = await kept
      .get(`denied ${days}`, () => inStoreSpan('clickhouse', 'read denied attempts', read))
      .catch(isAway('ClickHouse'));
    response.setHeader('cache-control', 'no-store').json(view);
  });
  return router;
}

function isAway(store: string): (error: unknown) => never {
  return (error) => {
    throw unavailable(store, error);
  };
}

/** @throws ApiError 400 */
function daysOf(text: unknown, standard: number): number {
  if (text === undefined) return standard;
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > DAYS_MAX) {
    throw new ApiError(400, `days is a whole number from 1 to ${DAYS_MAX}`);
  }
  return days;
}
