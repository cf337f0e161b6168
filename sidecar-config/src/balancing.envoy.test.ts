import type { Instance } from '@dotline/model/instance';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually } from './testing/eventually.js';
import { edgeOf, instanceOf, meshOf } from './testing/mesh.js';
import type { RealSidecar } from './testing/real-sidecar.js';
import { loopbackNetwork, RunningMesh } from './testing/running-mesh.js';

const mesh = meshOf({
  app: { team: 'rides', operations: {} },
  fare: { team: 'pricing', operations: { get: 'GET /v1/{what}', put: 'PUT /v1/{what}' } },
});
const at = loopbackNetwork();
const elsewhere = { cell: 'cell-2', zone: 'zone-b' };
const near = instanceOf('fare', at(3));
const far = instanceOf('fare', { ...at(4), ...elsewhere, id: 'fare-2' });
const apps = [instanceOf('app', at(1)), instanceOf('app', { ...at(2), ...elsewhere, id: 'app-2' })];

jest.setTimeout(30_000);

let running: RunningMesh;
let app: RealSidecar;

beforeAll(async () => {
  running = await RunningMesh.start({
    mesh,
    instances: [...apps, near, far],
    edges: [edgeOf('app', 'fare', ['get', 'put'])],
    absent: ['app-2'],
  });
  app = running.sidecar('app-1');
}, 40_000);

afterAll(async () => {
  await running?.stop();
}, 20_000);

/** How many of `count` requests each instance of the callee got; each must succeed. */
async function spread(count: number): Promise<Record<string, number>> {
  const reached: Record<string, number> = {};
  for (let index = 0; index < count; index++) {
    const { status, body } = await app.call('GET', 'fare', '/v1/x');
    expect(status).toBe(200);
    const { instance } = JSON.parse(body);
    reached[instance] = (reached[instance] ?? 0) + 1;
  }
  return reached;
}

describe('balancing', () => {
  it('stays in the cell', async () => {
    expect(await spread(40)).toEqual({ 'fare-1': 40 });
  });

  it('goes elsewhere while the near instance drains, without a failed request', async () => {
    let draining: Instance['state'] = 'draining';
    const announce = () => running.announce([...apps, { ...near, state: draining }, far]);
    announce();
    await eventually('the far instance', async () =>
      (await spread(1))['fare-2'] === 1 ? true : undefined,
    );
    expect(await spread(40)).toEqual({ 'fare-2': 40 });
    draining = 'ready';
    announce();
    await eventually('the near instance', async () =>
      (await spread(1))['fare-1'] === 1 ? true : undefined,
    );
    expect(await spread(20)).toEqual({ 'fare-1': 20 });
  });

  it("does not take an instance out for its app's own errors", async () => {
    for (let index = 0; index < 30; index++) {
      expect((await app.call('PUT', 'fare', '/v1/status-500')).status).toBe(500);
    }
    expect(await app.stat('cluster.fare.outlier_detection.ejections_active')).toBe(0);
    expect(await spread(10)).toEqual({ 'fare-1': 10 });
  });

  it('takes an instance out whose app is gone', async () => {
    await running.sidecar('fare-1').stopApp();
    await eventually('the far instance', async () => {
      const { status, body } = await app.call('GET', 'fare', '/v1/x');
      return status === 200 && JSON.parse(body).instance === 'fare-2' ? true : undefined;
    });
    expect(await spread(20)).toEqual({ 'fare-2': 20 });
    expect(await app.stat('cluster.fare.outlier_detection.ejections_active')).toBe(1);
  });

  it('tries another instance when a sidecar died', async () => {
    await running.sidecar('fare-1').stop();
    for (let index = 0; index < 40; index++) {
      expect((await app.call('PUT', 'fare', '/v1/x')).status).toBe(200);
    }
  });
});
