import { serviceSpiffeId } from '@dotline/model/spiffe-id';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { TELEMETRY_PORT } from './names.js';
import { bypass } from './testing/bypass.js';
import { edgeOf, instanceOf, meshOf } from './testing/mesh.js';
import type { LogRecord } from './testing/otlp-receiver.js';
import type { RealSidecar } from './testing/real-sidecar.js';
import { loopbackNetwork, RunningMesh } from './testing/running-mesh.js';

const mesh = meshOf({
  app: { team: 'rides', operations: {} },
  fare: { team: 'pricing', operations: { get: 'GET /v1/{what}', put: 'PUT /v1/{what}' } },
  gone: { team: 'pricing', operations: { get: 'GET /' } },
});
const at = loopbackNetwork();
const fareInstance = instanceOf('fare', { ...at(2), cell: 'cell-2', zone: 'zone-b' });
const instances = [instanceOf('app', at(1)), fareInstance, instanceOf('gone', at(3))];
const spiffeId = serviceSpiffeId(mesh.trustDomain, 'app');

jest.setTimeout(30_000);

let running: RunningMesh;
let app: RealSidecar;
let firstRevision: string;
let secondRevision: string;

beforeAll(async () => {
  running = await RunningMesh.start({
    mesh,
    instances,
    edges: [edgeOf('app', 'fare', ['get'])],
    absent: ['gone-1'],
  });
  app = running.sidecar('app-1');
  firstRevision = running.revisionId;
  // Only the new edge takes the new revision's name.
  secondRevision = running.publish([
    edgeOf('app', 'fare', ['get']),
    edgeOf('app', 'gone', ['get']),
  ]).id;
}, 40_000);

afterAll(async () => {
  await running?.stop();
}, 20_000);

const ABSENT = '-';
const DECIMAL = /^\d+$/;

/** What a record of a request made now must hold besides `attributes`. */
function expectRecord(record: LogRecord, attributes: Record<string, unknown>): void {
  expect(record.attributes).toEqual({
    request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    duration_us: expect.stringMatching(DECIMAL),
    request_bytes: expect.stringMatching(DECIMAL),
    response_bytes: expect.stringMatching(DECIMAL),
    response_flags: ABSENT,
    // No revision is staged.
    shadow: attributes.reporter === 'source' ? ABSENT : expect.stringMatching(/ - -$/),
    ...attributes,
  });
  expect(record.traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(Math.abs(Date.now() - record.timeMs)).toBeLessThan(10_000);
}

const fromApp = {
  reporter: 'source',
  caller: 'app',
  instance: 'app-1',
  cell: 'cell-1',
  zone: 'zone-a',
};
const atFare = {
  reporter: 'destination',
  caller: spiffeId,
  callee: 'fare',
  instance: 'fare-1',
  cell: 'cell-2',
  zone: 'zone-b',
  peer_address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
};

describe('each request is logged by both sides', () => {
  it.each([
    ['allowed', '/v1/ok', '200'],
    ["refused by the app's own judgement", '/v1/status-403', '403'],
    ['failed by the app', '/v1/status-500', '500'],
  ])('%s', async (_what, path, status) => {
    const startedMs = Date.now();
    await app.call('GET', 'fare', `${path}?secret=1`);
    const shared = {
      operation: 'fare.get',
      method: 'GET',
      path,
      status,
      response_code_details: 'via_upstream',
      edge: 'app->fare',
      edge_revision: firstRevision,
      authorization: 'allowed',
    };
    const source = await running.collector.record({ path, reporter: 'source' });
    const destination = await running.collector.record({ path, reporter: 'destination' });
    expectRecord(source, {
      ...shared,
      ...fromApp,
      callee: 'fare',
      peer_address: `${fareInstance.address}:15006`,
    });
    // The callee's side says both in the name of the policy that let the request in.
    const { edge_revision: _, ...rest } = shared;
    expectRecord(destination, { ...rest, ...atFare, edge: `app->fare@${firstRevision}` });
    expect(destination.traceId).toBe(source.traceId);
    expect(destination.attributes.request_id).toBe(source.attributes.request_id);
    expect(source.resource).toEqual({ 'service.name': 'app', 'service.instance.id': 'app-1' });
    expect(source.timeMs).toBeGreaterThanOrEqual(startedMs - 1);
    expect(source.timeMs).toBeLessThanOrEqual(destination.timeMs);
    expect(Number(source.attributes.duration_us)).toBeGreaterThan(
      Number(destination.attributes.duration_us),
    );
  });

  it('continues the trace that the app is in', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    await app.call('GET', 'fare', '/v1/traced', {
      headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
    });
    for (const reporter of ['source', 'destination']) {
      expect((await running.collector.record({ path: '/v1/traced', reporter })).traceId).toBe(
        traceId,
      );
    }
    expect(await running.collector.spansOf(traceId, 2)).toEqual(
      expect.arrayContaining([
        { name: 'fare.get', traceId, service: 'app' },
        { name: 'fare.get', traceId, service: 'fare' },
      ]),
    );
  });
});

describe('what never reached the app is logged too', () => {
  it('denied at the caller: by operation, and by callee', async () => {
    const denied = {
      ...fromApp,
      operation: 'denied',
      status: '403',
      response_code_details: 'direct_response',
      edge: ABSENT,
      edge_revision: ABSENT,
      authorization: 'denied',
      peer_address: ABSENT,
    };
    await app.call('PUT', 'fare', '/v1/put');
    expectRecord(await running.collector.record({ path: '/v1/put' }), {
      ...denied,
      callee: 'fare',
      method: 'PUT',
      path: '/v1/put',
    });
    await app.call('GET', 'nowhere:80', '/nowhere');
    expectRecord(await running.collector.record({ path: '/nowhere' }), {
      ...denied,
      callee: 'nowhere',
      method: 'GET',
      path: '/nowhere',
    });
  });

  it('denied at the callee, past the caller', async () => {
    const identity = await running.authority.issue(spiffeId);
    await bypass(fareInstance, identity, 'PUT', '/v1/bypass');
    expectRecord(await running.collector.record({ path: '/v1/bypass' }), {
      ...atFare,
      operation: 'fare.put',
      method: 'PUT',
      path: '/v1/bypass',
      status: '403',
      response_code_details: 'rbac_access_denied_matched_policy[none]',
      edge: ABSENT,
      authorization: 'denied',
    });
  });

  it('a callee that nobody runs', async () => {
    const answer = await app.call('GET', 'gone', '/');
    expect(answer.status).toBe(503);
    const record = await running.collector.record({ callee: 'gone' });
    expectRecord(record, {
      ...fromApp,
      callee: 'gone',
      operation: 'gone.get',
      method: 'GET',
      path: '/',
      status: '503',
      response_flags: expect.stringContaining('UF'),
      response_code_details: expect.stringContaining('upstream_reset_before_response_started'),
      edge: 'app->gone',
      edge_revision: secondRevision,
      authorization: 'allowed',
      peer_address: expect.stringContaining(':15006'),
    });
  });

  it('a caller that gave up', async () => {
    await expect(app.call('GET', 'fare', '/v1/slow', { abortAfterMs: 1000 })).rejects.toThrow();
    const source = await running.collector.record({ path: '/v1/slow', reporter: 'source' });
    expectRecord(source, {
      ...fromApp,
      callee: 'fare',
      operation: 'fare.get',
      method: 'GET',
      path: '/v1/slow',
      status: '0',
      response_flags: 'DC',
      response_code_details: 'downstream_remote_disconnect',
      edge: 'app->fare',
      edge_revision: firstRevision,
      authorization: 'allowed',
      peer_address: `${fareInstance.address}:15006`,
    });
    expect(Number(source.attributes.duration_us)).toBeGreaterThanOrEqual(100_000);
    const destination = await running.collector.record({
      path: '/v1/slow',
      reporter: 'destination',
    });
    expect(destination.attributes).toMatchObject({
      status: '0',
      edge: `app->fare@${firstRevision}`,
    });
  });

  it('a request that cannot be understood', async () => {
    await app.call('GET', 'fare', '/v1/%2fslash');
    const record = await running.collector.record({
      response_code_details: 'path_normalization_failed',
    });
    expect(record.attributes).toMatchObject({ status: '400', operation: ABSENT, callee: 'fare' });
  });
});

describe("the app's own telemetry", () => {
  it('reaches the collector over the sidecar, with its identity', async () => {
    const [instance] = instances;
    const url = `http://${instance?.address}:${TELEMETRY_PORT}`;
    const answer = await fetch(`${url}/v1/traces`, { method: 'POST', body: 'spans' });
    expect(answer.status).toBe(200);
    expect(running.collector.httpExports).toEqual([
      { path: '/v1/traces', body: 'spans', client: `URI:${spiffeId}` },
    ]);
    expect((await fetch(`${url}/anything`)).status).toBe(404);
  });
});

describe('a collector that refuses', () => {
  it('is tried again until it takes the record', async () => {
    running.collector.refusals = 3;
    await app.call('GET', 'fare', '/v1/again');
    await running.collector.record({ path: '/v1/again', reporter: 'source' });
    await running.collector.record({ path: '/v1/again', reporter: 'destination' });
    expect(running.collector.refusals).toBe(0);
  });

  it('takes each record once', () => {
    const keys = running.collector.records.map(
      ({ attributes }) => `${attributes.reporter} ${attributes.path} ${attributes.request_id}`,
    );
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
  });
});
