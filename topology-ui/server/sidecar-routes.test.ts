import { writeHostInstances } from '@dotline/control-plane/instance-store';
import { markEnforced, publishRevision } from '@dotline/control-plane/revision-store';
import { rollBackRevision } from '@dotline/control-plane/rollback';
import {
  type Sidecar,
  type SidecarType,
  writeSidecars,
} from '@dotline/control-plane/sidecar-store';
import { makeRevision } from '@dotline/model/revision';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { ApiProblem, EnforcementView, SidecarsView } from './api.js';
import { exampleInstances, exampleRevision } from './testing/example-mesh.js';
import { holding, RunningPageServer } from './testing/running-page-server.js';

jest.setTimeout(90_000);

const whole = exampleRevision();
/** Without `orders->fare`; the other edge keeps the revision in which it took its form. */
const narrow = {
  ...exampleRevision(false),
  revision: makeRevision(exampleRevision(false).revision, whole.revision),
};
const rejection = {
  resource: 'outbound',
  version: 'v2',
  detail: 'regex too large',
  rules: [
    {
      edge: 'orders->fare',
      operation: 'fare.estimate',
      team: 'rides',
      file: 'policies/teams/rides/rides.rego',
      line: 3,
    },
  ],
  revision: whole.revision.id,
  atMs: Date.now() - 5_000,
};

let running: RunningPageServer;

beforeAll(async () => {
  running = await RunningPageServer.start();
});

afterAll(async () => {
  await running?.stop();
});

async function enforcement(name: string, waitMs = 0): Promise<EnforcementView> {
  const path = `/api/revisions/${name}/enforcement?waitMs=${waitMs}`;
  return (await running.get<EnforcementView>(path)).body;
}

/** What the sidecar of one service says now; Valkey hints at it. */
async function say(service: string, change: Partial<SidecarType & Sidecar>): Promise<void> {
  const sidecars = holding(narrow.revision.id).filter((sidecar) => sidecar.service === service);
  await writeSidecars(
    running.database,
    sidecars.map((sidecar) => ({
      ...sidecar,
      ...change,
      types: sidecar.types.map((type) => ({ ...type, ...change })),
    })),
  );
  await running.valkey.publish('dotline:events', JSON.stringify({ type: 'sidecars' }));
}

describe('before the first revision', () => {
  it('nothing is enforced, and no sidecar is known', async () => {
    expect(await enforcement('live')).toMatchObject({ state: 'unknown', live: null });
    const { body } = await running.get<SidecarsView>('/api/sidecars');
    expect(body).toMatchObject({ revision: null, sidecars: [] });
  });
});

describe('a revision', () => {
  beforeAll(async () => {
    await publishRevision(running.database, whole);
    await writeHostInstances(running.database, 'host-1', exampleInstances(), Date.now());
  });

  it('is pending while sidecars were never seen, enforced when all of them hold it', async () => {
    const view = await enforcement(whole.revision.id);
    expect(view).toMatchObject({ state: 'pending', touched: 3, revision: whole.revision.id });
    expect(view.lagging.map(({ instance, reason }) => `${instance} ${reason}`)).toEqual([
      'fare-1 never-seen',
      'orders-1 never-seen',
      'rider-app-1 never-seen',
    ]);
    await writeSidecars(running.database, holding(whole.revision.id));
    expect(await enforcement('live', 20_000)).toMatchObject({ state: 'enforced', lagging: [] });
  });

  it('waits for the sidecars that it touches alone, and answers as soon as they hold it', async () => {
    await publishRevision(running.database, narrow);
    const startMs = Date.now();
    const waited = enforcement(narrow.revision.id.slice(0, 8), 30_000);
    const pending = await enforcement('live');
    expect(pending).toMatchObject({ state: 'pending', touched: 2 });
    expect(pending.lagging.map(({ instance }) => instance)).toEqual(['fare-1', 'orders-1']);
    await say('fare', {});
    await say('orders', {});
    expect(await waited).toMatchObject({ state: 'enforced', touched: 2 });
    expect(Date.now() - startMs).toBeLessThan(15_000);
  });

  it.each<[string, Partial<SidecarType & Sidecar>, object]>([
    ['refuses', { state: 'error', rejections: [rejection] }, { reason: 'rejected', rejection }],
    ['is away', { connected: false }, { reason: 'disconnected' }],
    [
      'has not answered',
      { state: 'stale', sentAtMs: 7_000 },
      { reason: 'unanswered', sinceMs: 7_000 },
    ],
    ['was not sent all', { state: 'not-sent' }, { reason: 'not-sent' }],
    ['is held back', { state: 'synced' }, { reason: 'held-back' }],
  ])('says why a sidecar lags: it %s', async (_title, change, expected) => {
    await publishRevision(running.database, whole);
    await say('fare', { ...change, ackedRevision: narrow.revision.id });
    const view = await running.eventually('the lag', async () => {
      const found = (await enforcement('live')).lagging.find(
        ({ instance }) => instance === 'fare-1',
      );
      return found?.reason === (expected as { reason: string }).reason ? found : undefined;
    });
    expect(view).toMatchObject(expected);
  });

  it('that is no longer live is enforced if it was, else superseded', async () => {
    expect(await enforcement(narrow.revision.id)).toMatchObject({
      state: 'superseded',
      live: whole.revision.id,
    });
    const live = await publishRevision(running.database, whole);
    await markEnforced(running.database, live.rolloutId, Date.now(), 3);
    await publishRevision(running.database, narrow);
    expect(await enforcement(whole.revision.id)).toMatchObject({ state: 'enforced' });
  });

  it('that was rolled back says when, by whom and why, though it was enforced', async () => {
    const bad = await publishRevision(running.database, whole);
    await markEnforced(running.database, bad.rolloutId, Date.now(), 3);
    const actor = { kind: 'operator', name: 'ada' } as const;
    const order = { actor, reason: 'fares are wrong' };
    const { liveSinceMs } = await rollBackRevision(running.database, undefined, order);
    const rollback = {
      ...{ from: whole.revision.id, to: narrow.revision.id },
      ...{ by: actor, reason: 'fares are wrong', atMs: liveSinceMs },
    };
    expect(await enforcement(whole.revision.id)).toMatchObject({ state: 'rolled-back', rollback });
    expect(await enforcement(narrow.revision.id)).toMatchObject({ rollback: null });
  });

  it('that is committed after it went live says so', async () => {
    const commit = 'c0ffee'.padEnd(40, '0');
    await publishRevision(running.database, {
      ...narrow,
      revision: { ...narrow.revision, commit },
    });
    await running.eventually('the commit', async () => {
      const { body } = await running.get<SidecarsView>('/api/sidecars');
      return body.revision?.commit === commit ? true : undefined;
    });
  });

  it('that nobody knows is waited for', async () => {
    expect(await enforcement('0123456789ab', 200)).toMatchObject({
      state: 'unknown',
      revision: null,
    });
    expect(await enforcement('%25')).toMatchObject({ state: 'unknown' });
    const { status, body } = await running.get<ApiProblem>(
      '/api/revisions/live/enforcement?waitMs=x',
    );
    expect(status).toBe(400);
    expect(body.error).toContain('waitMs');
  });
});

describe('GET /api/sidecars', () => {
  it('tells each type of each sidecar, and where a refused resource comes from', async () => {
    await say('orders', { state: 'error', rejections: [rejection], ackedVersion: 'v0' });
    const { body } = await running.eventually('the rejection', async () => {
      const found = await running.get<SidecarsView>('/api/sidecars/orders-1');
      return found.body.sidecars[0]?.rejections.length === 1 ? found : undefined;
    });
    expect(body.sidecars).toHaveLength(1);
    expect(body.sidecars[0]).toMatchObject({
      instance: 'orders-1',
      service: 'orders',
      cell: 'cell-1',
      adminAddress: '127.1.0.2:15000',
      connected: true,
      types: [{ state: 'error', sentVersion: 'v1', ackedVersion: 'v0' }],
      rejections: [{ ...rejection, typeUrl: expect.stringContaining('Cluster') }],
    });
    expect((await running.get<SidecarsView>('/api/sidecars')).body.sidecars).toHaveLength(3);
  });

  it('names the sidecar that was likely meant', async () => {
    const { status, body } = await running.get<ApiProblem>('/api/sidecars/order-1');
    expect(status).toBe(404);
    expect(body.hint).toContain('orders-1');
  });
});
