import type { Edge } from '@dotline/model/edge';
import { serviceSpiffeId } from '@dotline/model/spiffe-id';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { bypass } from './testing/bypass.js';
import { eventually } from './testing/eventually.js';
import { edgeOf, instanceOf, meshOf } from './testing/mesh.js';
import type { LogRecord } from './testing/otlp-receiver.js';
import { loopbackNetwork, RunningMesh } from './testing/running-mesh.js';

jest.setTimeout(30_000);

const plan = {
  app: { team: 'rides', operations: {} },
  other: { team: 'rides', operations: {} },
  fare: {
    team: 'pricing',
    operations: {
      get: 'GET /v1/{id}',
      latest: 'GET /v1/latest',
      put: 'PUT /v1/{id}',
      drop: 'DELETE /v1/{id}',
    },
  },
  maps: { team: 'maps', operations: { find: 'GET /maps/{id}' } },
};
const at = loopbackNetwork();
const instances = Object.keys(plan).map((name, index) => instanceOf(name, at(index + 1)));
const fareInstance = instanceOf('fare', at(3));
const LIVE = [edgeOf('app', 'fare', ['get', 'put']), edgeOf('other', 'fare', ['get'])];
// Takes `put`, gives `latest`, keeps `get`; leaves `other` as it is; adds `app` to `maps`.
const STAGED = [
  edgeOf('app', 'fare', ['get', 'latest']),
  edgeOf('app', 'maps', ['find']),
  edgeOf('other', 'fare', ['get']),
];

let running: RunningMesh;
let stagedId: string;

beforeAll(async () => {
  running = await RunningMesh.start({ mesh: meshOf(plan), instances, edges: LIVE });
}, 40_000);

afterAll(async () => {
  expect(running?.nacks).toEqual([]);
  await running?.stop();
}, 20_000);

/** Stages edges and waits until both sides of `app` to `fare` judge by them. */
async function stage(edges: readonly Edge[] | undefined): Promise<void> {
  const staged = running.stage(edges);
  const [app, fare] = [running.sidecar('app-1'), running.sidecar('fare-1')];
  await eventually('sidecars that judge', async () => {
    const dumps = await Promise.all(
      [app, fare].map((sidecar) => sidecar.admin('/config_dump?include_eds')),
    );
    const judge = dumps.every((dump) => dump.includes(staged ?? 'shadow_rules'));
    return judge === (staged !== undefined) ? true : undefined;
  });
  stagedId = staged ?? '';
}

async function verdictOf(path: string, reporter: string): Promise<string | undefined> {
  const record = await running.collector.record({ path, reporter });
  return record.attributes.shadow;
}

const fareRule = (live: string) => `app->fare@${live}`;

describe('a staged revision', () => {
  it('is judged by both sides of each request, and nothing of it is enforced', async () => {
    const app = running.sidecar('app-1');
    const warm = await app.call('GET', 'fare', '/v1/warm');
    expect(warm.status).toBe(200);
    await stage(STAGED);
    const live = running.revisionId;
    const calls = [
      ['GET', 'fare', '/v1/7', 200],
      ['PUT', 'fare', '/v1/8', 200],
      ['GET', 'fare', '/v1/latest', 403],
      ['DELETE', 'fare', '/v1/9', 403],
      ['GET', 'fare', '/elsewhere', 403],
      ['GET', 'maps', '/maps/1', 403],
      ['GET', 'maps', '/maps/1/2', 403],
    ] as const;
    for (const [method, callee, path, status] of calls) {
      const answer = await app.call(method, callee, path);
      expect([path, answer.status]).toEqual([path, status]);
    }
    const sources = await Promise.all(calls.map(([, , path]) => verdictOf(path, 'source')));
    expect(sources).toEqual([
      `allowed allowed ${stagedId} fare.get`,
      `allowed denied ${stagedId} fare.put`,
      `denied allowed ${stagedId} fare.latest`,
      `denied denied ${stagedId} -`,
      `denied denied ${stagedId} -`,
      `denied allowed ${stagedId} maps.find`,
      `denied denied ${stagedId} -`,
    ]);
    expect(await verdictOf('/v1/7', 'destination')).toBe(
      `allowed allowed ${fareRule(stagedId)}@${stagedId}`,
    );
    // The rule that lets it in says which revision would not.
    const put = await running.collector.record({ path: '/v1/8', reporter: 'destination' });
    expect(put.attributes).toMatchObject({
      shadow: 'allowed denied -',
      edge: `${fareRule(live)}@${stagedId}`,
    });
  });

  it('says why not as without it', async () => {
    const { body } = await running.sidecar('app-1').call('GET', 'maps', '/maps/2');
    expect(JSON.parse(body)).toMatchObject({
      reason: 'no edge between caller and callee',
      callee: 'maps',
      missing: { grant: { service: 'maps', team: 'maps' } },
    });
    const notAgreed = await running.sidecar('app-1').call('DELETE', 'fare', '/v1/10');
    expect(JSON.parse(notAgreed.body).reason).toContain('edge app->fare does not allow');
  });

  it('judges at the callee what comes past the caller', async () => {
    const identity = await running.authority.issue(serviceSpiffeId('test.example', 'app'));
    await bypass(fareInstance, identity, 'GET', '/v1/latest', { 'x-marker': 'past' });
    const found = await eventually('the record', async () =>
      running.collector.records.find(
        ({ attributes }) =>
          attributes.reporter === 'destination' && attributes.path === '/v1/latest',
      ),
    );
    expect(found.attributes.shadow).toBe(`denied allowed ${fareRule(stagedId)}@${stagedId}`);
  });

  it('leaves callers alone about whom both revisions agree', async () => {
    await running.sidecar('other-1').call('GET', 'fare', '/v1/other');
    expect(await verdictOf('/v1/other', 'source')).toBe('-');
    expect(await verdictOf('/v1/other', 'destination')).toMatch(/^allowed allowed other->fare@/);
  });

  it('moves no connection when it comes, changes and goes, and counts exactly', async () => {
    const app = running.sidecar('app-1');
    const fare = running.sidecar('fare-1');
    const facts = async () => [
      await fare.stat('http.inbound.downstream_cx_total'),
      await fare.stat('listener_manager.listener_modified'),
      await app.stat('listener_manager.listener_modified'),
      await app.stat('http.outbound.downstream_cx_drain_close'),
      await fare.stat('http.inbound.downstream_cx_drain_close'),
    ];
    await app.call('GET', 'fare', '/v1/before');
    const before = await facts();
    let stop = false;
    const statuses: number[] = [];
    const load = (async () => {
      while (!stop) statuses.push((await app.call('GET', 'fare', '/v1/load')).status);
    })();
    for (const edges of [undefined, STAGED, LIVE.slice(1), undefined, STAGED]) await stage(edges);
    stop = true;
    await load;
    expect(statuses.every((status) => status === 200)).toBe(true);
    expect(await facts()).toEqual(before);

    const count = 20;
    const deniedBefore = (await fare.stat('http.inbound.rbac.shadow_denied')) ?? 0;
    for (let index = 0; index < count; index++) await app.call('PUT', 'fare', '/v1/counted');
    const wouldBeDenied = ({ attributes }: LogRecord) =>
      attributes.path === '/v1/counted' && attributes.shadow?.startsWith('allowed denied');
    await eventually('all records of both sides', async () =>
      running.collector.records.filter(wouldBeDenied).length === 2 * count ? true : undefined,
    );
    expect(await fare.stat('http.inbound.rbac.shadow_denied')).toBe(deniedBefore + count);
  });

  it('is judged by the paths that it means, where an operation moves', async () => {
    const moved = meshOf({
      ...plan,
      // A service that the live revision does not know.
      fresh: { team: 'maps', operations: { get: 'GET /' } },
      fare: { team: 'pricing', operations: { get: 'GET /v1/{id}', put: 'PUT /v1/new' } },
    });
    running.stage([edgeOf('app', 'fare', ['get', 'put']), edgeOf('app', 'fresh', ['get'])], moved);
    const app = running.sidecar('app-1');
    await eventually('the verdict about the new path', async () => {
      await app.call('PUT', 'fare', '/v1/new');
      const last = running.collector.records.findLast(
        ({ attributes }) => attributes.path === '/v1/new' && attributes.reporter === 'source',
      );
      return last?.attributes.shadow?.startsWith('allowed allowed') ? true : undefined;
    });
    await app.call('PUT', 'fare', '/v1/old');
    expect(await verdictOf('/v1/old', 'source')).toMatch(/^allowed denied .* fare\.put$/);
    expect(await verdictOf('/v1/old', 'destination')).toBe('allowed denied -');
    const fresh = await app.call('GET', 'fresh', '/');
    expect(JSON.parse(fresh.body).reason).toBe('the mesh has no service of this name');
    expect(await verdictOf('/', 'source')).toMatch(/^denied allowed .* fresh\.get$/);
  });
});
