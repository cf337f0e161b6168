import type { ClickHouseClient } from '@clickhouse/client';
import { shadowVerdicts } from '@dotline/collectors/shadow-verdicts';
import { shadowProgress } from '@dotline/control-plane/shadow-progress';
import { shadowReport } from '@dotline/control-plane/shadow-report';
import { readStaged, type StagedRevision } from '@dotline/control-plane/shadow-store';
import { inStoreSpan } from '@dotline/platform-process/span';
import { Router } from 'express';
import type pg from 'pg';
import { ApiError, unavailable } from './api-error.js';
import type { MeshStructure } from './mesh-structure.js';
import { mounted } from './route-pattern.js';
import type { RunningShadow, ShadowView } from './shadow-view.js';
import { ShortCache } from './short-cache.js';
import type { StructureFeed } from './structure-feed.js';

/** As long as verdicts are kept. */
const WINDOW_MS_MAX = 7 * 86_400_000;
/** Every page asks again and again, and reports of requests are joined. */
const VERDICTS_KEPT_MS = 3_000;

/** What the staged revision would change; read at most every few seconds, however many pages ask. */
export function shadowRoutes(
  database: pg.Pool,
  structure: StructureFeed,
  clickhouse: ClickHouseClient,
): Router {
  const router = Router();
  const kept = new ShortCache();
  const verdicts = new ShortCache(VERDICTS_KEPT_MS);
  let known: StagedRevision | undefined;
  const staged = async () => {
    known = await readStaged(database, known);
    return known;
  };
  router.use(mounted);
  router.get('/shadow', async ({ query }, response) => {
    const windowMs = windowOf(query.windowMs);
    const { current, problem } = structure;
    if (current === undefined) throw unavailable('PostgreSQL', problem);
    const { live } = current;
    if (live === undefined) throw new ApiError(503, 'no revision is live yet');
    const shadow = await kept.get('staged', staged).catch((error: unknown) => {
      throw unavailable('PostgreSQL', error);
    });
    const sinceMs = Math.max(shadow?.startedAtMs ?? 0, Date.now() - windowMs);
    const view: ShadowView = {
      live: live.revision.id,
      shadow:
        shadow === undefined
          ? null
          : await verdicts
              .get(`${windowMs} ${shadow.startedAtMs} ${live.rolloutId}`, () =>
                runningShadow({ ...current, live }, shadow, sinceMs, clickhouse),
              )
              .catch((error: unknown) => {
                throw unavailable('ClickHouse', error);
              }),
    };
    response.setHeader('cache-control', 'no-store').json(view);
  });
  return router;
}

async function runningShadow(
  { live, instances, sidecars }: MeshStructure & { live: NonNullable<MeshStructure['live']> },
  staged: StagedRevision,
  sinceMs: number,
  clickhouse: ClickHouseClient,
): Promise<RunningShadow> {
  const { revision, name, startedAtMs } = staged;
  const verdicts = await inStoreSpan('clickhouse', 'read shadow verdicts', () =>
    shadowVerdicts(clickhouse, revision.id, sinceMs),
  );
  const registered = instances.map(({ instance }) => instance);
  const progress = shadowProgress(live.revision, staged, registered, sidecars);
  const total = (count: (each: (typeof verdicts)[number]) => number) =>
    verdicts.reduce((sum, each) => sum + count(each), 0);
  return {
    revision: revision.id,
    name,
    commit: revision.commit ?? null,
    startedAtMs,
    sidecars: {
      judging: progress.judging,
      concerned: progress.concerned,
      total: progress.sidecars,
    },
    sinceMs,
    wouldBeDenied: total((each) => each.wouldBeDenied),
    wouldBeAllowed: total((each) => each.wouldBeAllowed),
    operations: shadowReport(live, staged, verdicts),
  };
}

/** @throws ApiError 400 */
function windowOf(text: unknown): number {
  if (text === undefined) return WINDOW_MS_MAX;
  const windowMs = Number(text);
  if (!Number.isInteger(windowMs) || windowMs < 1 || windowMs > WINDOW_MS_MAX) {
    throw new ApiError(400, `windowMs is a whole number from 1 to ${WINDOW_MS_MAX}`);
  }
  return windowMs;
}
