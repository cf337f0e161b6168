import { setTimeout as delay } from 'node:timers/promises';
import { serviceSpiffeId } from '@dotline/model/spiffe-id';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { bypass } from './testing/bypass.js';
import { CertificateAuthority } from './testing/certificate-authority.js';
import { eventually } from './testing/eventually.js';
import { edgeOf, instanceOf, meshOf } from './testing/mesh.js';
import type { Answer, RealSidecar } from './testing/real-sidecar.js';
import { loopbackNetwork, RunningMesh } from './testing/running-mesh.js';

const mesh = meshOf({
  app: { team: 'rides', operations: {} },
  fare: {
    team: 'pricing',
    operations: {
      estimate: 'POST /v1/estimates',
      get: 'GET /v1/estimates/{id}',
      remove: 'DELETE /v1/estimates/{id}',
    },
  },
  secret: { team: 'vault', operations: { read: 'GET /read' } },
});
const at = loopbackNetwork();
const fareInstance = instanceOf('fare', at(2));
const instances = [instanceOf('app', at(1)), fareInstance, instanceOf('secret', at(3))];
const usual = [edgeOf('app', 'fare', ['estimate', 'get']), edgeOf('fare', 'secret', ['read'])];

jest.setTimeout(30_000);

let running: RunningMesh;
let app: RealSidecar;

beforeAll(async () => {
  running = await RunningMesh.start({ mesh, instances, edges: usual });
  app = running.sidecar('app-1');
}, 40_000);

afterAll(async () => {
  await running?.stop();
}, 20_000);

function json(answer: Answer) {
  return {
    status: answer.status,
    type: answer.headers['content-type'],
    ...JSON.parse(answer.body),
  };
}

describe('a request that an edge allows', () => {
  it('reaches the app, which learns who called', async () => {
    const answer = await app.call('GET', 'fare', '/v1/estimates/7?detail=1');
    expect(json(answer)).toMatchObject({ status: 200, url: '/v1/estimates/7?detail=1' });
    expect(JSON.parse(answer.body).headers['x-forwarded-client-cert']).toMatch(
      /^By=spiffe:\/\/test\.example\/service\/fare;Hash=[0-9a-f]{64};URI=spiffe:\/\/test\.example\/service\/app$/,
    );
  });

  it('may name a port and write its path in a roundabout way', async () => {
    const answers = await Promise.all([
      app.call('GET', 'fare:8080', '/v1/estimates/7'),
      app.call('GET', 'FARE', '//v1/./estimates/../estimates/7'),
      app.call('POST', 'fare', '/v1/estimates'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('cannot say that it is somebody else, nor steer the sidecars', async () => {
    const answer = await app.call('GET', 'fare', '/v1/estimates/7', {
      headers: {
        'x-forwarded-client-cert': 'URI=spiffe://test.example/service/secret',
        'x-envoy-retry-on': '5xx',
        'x-envoy-upstream-rq-timeout-ms': '1',
        'x-request-id': 'chosen-by-the-caller',
      },
    });
    const { headers } = JSON.parse(answer.body);
    expect(headers['x-forwarded-client-cert']).not.toContain('secret');
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(Object.keys(headers).filter((name) => name.startsWith('x-envoy'))).toEqual([]);
  });
});

describe('a request that no edge allows', () => {
  it('is refused at the caller with the missing rules and whom to ask', async () => {
    expect(json(await app.call('GET', 'secret', '/read?token=x'))).toEqual({
      status: 403,
      type: 'application/json',
      error: 'denied by policy',
      reason: 'no edge between caller and callee',
      caller: 'app',
      callee: 'secret',
      method: 'GET',
      path: '/read',
      missing: {
        need: {
          service: 'app',
          team: 'rides',
          directory: 'policies/teams/rides/',
          contact: '100% #rides',
        },
        grant: {
          service: 'secret',
          team: 'vault',
          directory: 'policies/teams/vault/',
          contact: '100% #vault',
        },
      },
      ask: ['100% #rides', '100% #vault'],
      explain: 'dotline explain app secret',
    });
  });

  it('is refused when only the operation is not agreed', async () => {
    expect(json(await app.call('DELETE', 'fare', '/v1/estimates/7'))).toMatchObject({
      status: 403,
      reason: 'edge app->fare does not allow this method and path',
      callee: 'fare',
      method: 'DELETE',
      allowed: ['fare.estimate: POST /v1/estimates', 'fare.get: GET /v1/estimates/{id}'],
      explain: 'dotline explain app fare',
    });
    expect((await app.call('GET', 'fare', '/v1/estimates/7/deeper')).status).toBe(403);
    expect((await app.call('GET', 'fare', '/')).status).toBe(403);
  });

  it('is refused when the callee is unknown', async () => {
    expect(json(await app.call('GET', 'nowhere', '/'))).toMatchObject({
      status: 403,
      reason: 'the mesh has no service of this name',
      callee: 'nowhere',
      ask: ['100% #rides', '#platform'],
    });
  });

  it.each(['/"},"reason":"ok"', '/%22%7D', '/%00', '/ü', "/'<script>"])(
    'has a JSON body even for the path %j',
    async (path) => {
      const answer = await app.call('GET', 'secret', Buffer.from(path).toString('latin1'));
      if (answer.status === 400) return;
      expect(json(answer)).toMatchObject({ status: 403, callee: 'secret' });
      expect(JSON.parse(answer.body).reason).toBe('no edge between caller and callee');
    },
  );

  it('hides no slash', async () => {
    expect((await app.call('GET', 'fare', '/v1/estimates%2f7')).status).toBe(400);
  });
});

describe('a caller that goes past its own sidecar', () => {
  it('is refused by the callee with a JSON body', async () => {
    const identity = await running.authority.issue(serviceSpiffeId(mesh.trustDomain, 'app'));
    const answer = await bypass(fareInstance, identity, 'DELETE', '/v1/estimates/7?force=1');
    expect(json(answer)).toEqual({
      status: 403,
      type: 'application/json',
      error: 'denied by policy',
      reason: 'no edge allows this caller to make this request',
      caller: 'spiffe://test.example/service/app',
      callee: 'fare',
      method: 'DELETE',
      path: '/v1/estimates/7',
      ask: ['100% #pricing'],
      explain: 'dotline explain spiffe://test.example/service/app fare',
    });
  });

  it('gets no further with another identity, another path spelling or a forged header', async () => {
    const secret = await running.authority.issue(serviceSpiffeId(mesh.trustDomain, 'secret'));
    const app = await running.authority.issue(serviceSpiffeId(mesh.trustDomain, 'app'));
    const forged = { 'x-forwarded-client-cert': 'URI=spiffe://test.example/service/app' };
    const answers = await Promise.all([
      bypass(fareInstance, secret, 'GET', '/v1/estimates/7', forged),
      bypass(fareInstance, app, 'GET', '/v1/estimates/7/../../other'),
      bypass(fareInstance, app, 'GET', '/v1/estimates/7#fragment/deeper'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 400]);
    expect((await bypass(fareInstance, app, 'GET', '/v1/estimates/7')).status).toBe(200);
  });

  it('is not even heard without a certificate of the mesh', async () => {
    const others = await CertificateAuthority.create();
    const foreign = await others.issue(serviceSpiffeId(mesh.trustDomain, 'app'));
    const platform = await running.authority.issue('spiffe://test.example/platform/collector');
    for (const identity of [undefined, foreign, platform]) {
      await expect(bypass(fareInstance, identity, 'GET', '/v1/estimates/7')).rejects.toThrow();
    }
  });

  it('refuses everyone at a service without any edge', async () => {
    running.publish([usual[0] ?? edgeOf('app', 'fare', [])]);
    const fare = await running.authority.issue(serviceSpiffeId(mesh.trustDomain, 'fare'));
    const secretInstance = instances[2] ?? fareInstance;
    await eventually('the edge to be gone', async () => {
      const answer = await bypass(secretInstance, fare, 'GET', '/read');
      return answer.status === 403 ? true : undefined;
    });
    running.publish(usual);
    await eventually('the edge to be back', async () => {
      const answer = await bypass(secretInstance, fare, 'GET', '/read');
      return answer.status === 200 ? true : undefined;
    });
  });
});

describe('a change of policy', () => {
  it('is in force within a second and fails no request of another edge', async () => {
    const statuses: number[] = [];
    let done = false;
    const traffic = (async () => {
      while (!done) {
        statuses.push((await app.call('GET', 'fare', '/v1/estimates/7')).status);
      }
    })();
    const connectionsBefore = await running
      .sidecar('fare-1')
      .stat('http.inbound.downstream_cx_total');
    const took: number[] = [];
    for (const allowed of [true, false, true, false]) {
      running.publish(allowed ? [...usual, edgeOf('app', 'secret', ['read'])] : usual);
      const start = performance.now();
      await eventually(`the edge to be ${allowed ? 'there' : 'gone'}`, async () => {
        const { status } = await app.call('GET', 'secret', '/read');
        return status === (allowed ? 200 : 403) ? true : undefined;
      });
      took.push(performance.now() - start);
      await delay(150);
    }
    done = true;
    await traffic;

    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(statuses.length).toBeGreaterThan(20);
    expect(Math.max(...took)).toBeLessThan(1000);
    const fare = running.sidecar('fare-1');
    expect(await fare.stat('http.inbound.downstream_cx_total')).toBe(connectionsBefore);
    expect(await fare.stat('listener_manager.listener_modified')).toBe(0);
    expect(await app.stat('listener_manager.listener_modified')).toBe(0);
    expect(running.nacks).toEqual([]);
  }, 30_000);

  it('counts each edge at the callee', async () => {
    const stats = await running.sidecar('fare-1').admin('/stats?filter=rbac');
    expect(stats).toMatch(/rbac.*app->fare.*allowed: [1-9]/);
  });
});
