import { readAuditAfter, readLatestAudit } from '@dotline/control-plane/audit-store';
import { readLivePointer, readRollouts } from '@dotline/control-plane/revision-store';
import { Router } from 'express';
import type pg from 'pg';
import type { AuditView, RevisionsView } from './api.js';
import { ApiError, unavailable } from './api-error.js';
import { mounted } from './route-pattern.js';
import { rollbackView } from './structure-view.js';

const REVISIONS = 20;
const REVISIONS_MAX = 500;
const ENTRIES = 50;
const ENTRIES_MAX = 1_000;

/** What was: the revisions that went live, and the audit log. Read from PostgreSQL each time. */
export function recordRoutes(database: pg.Pool): Router {
  const router = Router();
  router.use(mounted);
  router.use((_request, response, next) => {
    response.setHeader('cache-control', 'no-store');
    next();
  });
  router.get('/revisions', async ({ query }, response) => {
    const limit = wholeNumber('limit', query.limit, REVISIONS, REVISIONS_MAX);
    const [pointer, rollouts] = await known(
      Promise.all([readLivePointer(database), readRollouts(database, limit)]),
    );
    const view: RevisionsView = {
      live: pointer?.revisionId ?? null,
      history: rollouts.map((rollout) => ({
        revision: rollout.revisionId,
        commit: rollout.commit ?? null,
        author: rollout.author ?? null,
        liveAtMs: rollout.liveAtMs,
        edges: {
          added: rollout.edgeDiff.added.length,
          removed: rollout.edgeDiff.removed.length,
          changed: rollout.edgeDiff.changed.length,
        },
        enforcedInMs: rollout.enforcedInMs ?? null,
        sidecars: rollout.sidecars ?? null,
        rollback: rollout.rollback ? rollbackView(rollout.rollback, rollout.liveAtMs) : null,
      })),
    };
    response.json(view);
  });
  router.get('/audit', async ({ query }, response) => {
    const limit = wholeNumber('limit', query.limit, ENTRIES, ENTRIES_MAX);
    const sinceMs = wholeNumber('sinceMs', query.sinceMs, 0, Number.MAX_SAFE_INTEGER);
    const view: AuditView = { entries: await known(readLatestAudit(database, limit, sinceMs)) };
    response.json(view);
  });
  router.get('/audit/chain', async ({ query }, response) => {
    const limit = wholeNumber('limit', query.limit, ENTRIES, ENTRIES_MAX);
    const after = wholeNumber('after', query.after, 0, Number.MAX_SAFE_INTEGER);
    const view: AuditView = { entries: await known(readAuditAfter(database, after, limit)) };
    response.json(view);
  });
  return router;
}

function known<T>(reading: Promise<T>): Promise<T> {
  return reading.catch((error: unknown) => {
    throw unavailable('PostgreSQL', error);
  });
}

/** @throws ApiError 400 */
function wholeNumber(name: string, text: unknown, byDefault: number, max: number): number {
  if (text === undefined) return byDefault;
  const value = Number(text);
  if (text === '' || !Number.isInteger(value) || value < 0 || value > max) {
    throw new ApiError(400, `${name} is a whole number from 0 to ${max}`);
  }
  return value;
}
