import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { migrate as migrateTelemetry } from '@dotline/collectors/schema/migrate';
import { writeHostInstances } from '@dotline/control-plane/instance-store';
import { clearMeshProblems, writeMeshProblems } from '@dotline/control-plane/mesh-error-store';
import { publishRevision } from '@dotline/control-plane/revision-store';
import { migrate as migrateControlPlane } from '@dotline/control-plane/schema';
import { writeSidecarTypes } from '@dotline/control-plane/sidecar-store';
import type { Explanation } from '@dotline/policies/explain';
import { Evaluator } from '@dotline/slo/evaluator';
import {
  type RunningStore,
  startClickHouse,
  startPostgresql,
  startValkey,
} from '@dotline/slo/testing/running-stores';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import pg from 'pg';
import pino from 'pino';
import type {
  ApiProblem,
  EdgeDetail,
  EdgeView,
  GraphView,
  ObjectiveView,
  ServiceDetail,
  ServiceView,
  StatusView,
  TraceView,
  TrafficUpdate,
} from './api.js';
import { PageServer } from './page-server.js';
import { EventReader } from './testing/event-reader.js';
import { exampleInstances, exampleRevision } from './testing/example-mesh.js';

jest.setTimeout(90_000);

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';

let clickhouseServer: Awaited<ReturnType<typeof startClickHouse>>;
let postgresqlServer: RunningStore;
let valkeyServer: RunningStore;
let clickhouse: ClickHouseClient;
let database: pg.Pool;
let valkey: Redis;
let pageServer: PageServer;
let server: Server;
let pageDirectory: string;
let address: string;

const get = async <T>(path: string): Promise<{ status: number; body: T; headers: Headers }> => {
  const response = await fetch(new URL(path, address));
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') ?? false;
  return {
    status: response.status,
    body: (json ? JSON.parse(text) : text) as T,
    headers: response.headers,
  };
};

async function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(100);
  }
  const { body } = await get('/api/status');
  throw new Error(`${what}: not within 30 s; status is ${JSON.stringify(body)}`);
}

interface Request {
  readonly caller: string;
  readonly callee: string;
  readonly operation: string;
  readonly status?: number;
  readonly authorization?: 'allowed' | 'denied';
  readonly reporter?: 'source' | 'destination';
  readonly durationUs?: number;
  readonly agoMs?: number;
}

async function record(count: number, request: Request): Promise<void> {
  const atMs = Date.now() - (request.agoMs ?? 500);
  const time = new Date(atMs).toISOString().slice(0, -1).replace('T', ' ');
  await clickhouse.insert({
    table: 'dotline.access_log',
    format: 'JSONEachRow',
    values: Array.from({ length: count }, (_, index) => ({
      time,
      reporter: request.reporter ?? 'source',
      caller: request.caller,
      callee: request.callee,
      edge: `${request.caller}->${request.callee}`,
      operation: request.operation,
      authorization: request.authorization ?? 'allowed',
      method: 'GET',
      path: '/v1/estimate/7',
      status: request.status ?? 200,
      duration_us: request.durationUs ?? 20_000,
      trace_id: TRACE_ID,
      request_id: `${crypto.randomUUID()}-${index}`,
    })),
  });
}

/** What sidecars say once they hold a revision. */
function holding(revision: string | undefined, connected = true) {
  return exampleInstances().map(({ id, service }) => ({
    instanceId: id,
    service,
    typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
    connected,
    sentVersion: 'v1',
    ackedVersion: 'v1',
    rejections: [],
    ackedRevision: revision,
    atMs: Date.now(),
  }));
}

beforeAll(async () => {
  [clickhouseServer, postgresqlServer, valkeyServer] = await Promise.all([
    startClickHouse(),
    startPostgresql(),
    startValkey(),
  ]);
  const url = clickhouseServer.url;
  clickhouse = createClient({
    url,
    request_timeout: 5_000,
    log: { level: ClickHouseLogLevel.OFF },
  });
  database = new pg.Pool({
    connectionString: postgresqlServer.url,
    connectionTimeoutMillis: 5_000,
    query_timeout: 5_000,
  });
  database.on('error', () => undefined);
  valkey = new Redis(valkeyServer.url);
  valkey.on('error', () => undefined);
  await Promise.all([migrateTelemetry(clickhouse), migrateControlPlane(database)]);
  pageDirectory = await mkdtemp(join(tmpdir(), 'dotline-page-'));
  await writeFile(join(pageDirectory, 'index.html'), '<!doctype html><title>Dotline</title>');
  await writeFile(join(pageDirectory, 'main-XD5QSII6.js'), 'export {};');
  pageServer = new PageServer({
    database,
    clickhouse,
    redisUrl: valkeyServer.url,
    pageDirectory,
    log: pino({ level: 'silent' }),
  });
  pageServer.start();
  server = createServer(pageServer.app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server?.close();
  await pageServer?.stop();
  server?.closeAllConnections();
  valkey?.disconnect();
  await clickhouse?.close();
  await database?.end();
  await Promise.all([
    clickhouseServer?.remove(),
    postgresqlServer?.remove(),
    valkeyServer?.remove(),
  ]);
  if (pageDirectory !== undefined) await rm(pageDirectory, { recursive: true, force: true });
});

describe('before the first revision', () => {
  it('says so, with the reason in the mesh directory', async () => {
    const problem = { file: 'mesh.yaml', line: 2, message: 'name is missing' };
    await writeMeshProblems(database, [problem]);
    await valkey.publish('dotline:events', '{"type":"mesh-error"}');
    const { body } = await eventually('the problem', async () => {
      const answer = await get<ApiProblem>('/api/graph');
      return answer.body.hint === undefined ? undefined : answer;
    });
    expect(body).toEqual({
      error: 'no revision is live yet',
      hint: 'mesh.yaml:2: name is missing',
    });
    const status = await get<StatusView>('/api/status');
    expect(status.status).toBe(200);
    expect(status.body).toMatchObject({
      revision: null,
      problems: [problem],
      converged: false,
      unavailable: [],
    });
    await clearMeshProblems(database);
  });

  it('sends the picture to whoever listens as soon as there is one', async () => {
    const reader = await EventReader.open(`${address}/api/events`);
    await eventually('traffic', async () => reader.of('traffic')[0]);
    expect(reader.of('graph')).toEqual([]);
    await publishRevision(database, exampleRevision(false));
    await valkey.publish('dotline:events', '{"type":"revision"}');
    const { data } = await eventually('a graph', async () => reader.of('graph')[0]);
    expect((data as GraphView).edges.map(({ id }) => id)).toEqual(['rider-app->orders']);
    await reader.close();
  });
});

describe('a mesh with traffic', () => {
  const revision = exampleRevision().revision;

  beforeAll(async () => {
    await publishRevision(database, exampleRevision());
    await writeHostInstances(database, 'host-1', exampleInstances(), Date.now());
    await writeSidecarTypes(database, holding(revision.id));
    await record(40, { caller: 'orders', callee: 'fare', operation: 'fare.estimate' });
    await record(10, {
      caller: 'orders',
      callee: 'fare',
      operation: 'fare.get-estimate',
      status: 503,
      durationUs: 80_000,
    });
    await record(5, {
      caller: 'rider-app',
      callee: 'fare',
      operation: 'denied',
      authorization: 'denied',
      status: 403,
    });
    await new Evaluator(database, clickhouse).evaluate(Date.now());
    await eventually('the revision', async () => {
      const { body } = await get<StatusView>('/api/status');
      return body.converged ? true : undefined;
    });
  });

  it('GET /api/status', async () => {
    const { body } = await get<StatusView>('/api/status');
    expect(body).toMatchObject({
      mesh: 'example',
      revision: { id: revision.id, commit: null, enforcedInMs: null },
      problems: [],
      converged: true,
      unavailable: [],
    });
    expect(body.sidecars).toHaveLength(3);
    expect(body.sidecars[0]).toEqual({
      instance: 'fare-1',
      service: 'fare',
      connected: true,
      revision: revision.id,
      holdsLiveRevision: true,
      rejected: [],
    });
  });

  it('GET /api/graph: dots, lines, figures and denials', async () => {
    // Inserted again, because live figures are of the last ten seconds.
    await record(40, { caller: 'orders', callee: 'fare', operation: 'fare.estimate' });
    await record(10, {
      caller: 'orders',
      callee: 'fare',
      operation: 'fare.get-estimate',
      status: 503,
      durationUs: 80_000,
    });
    const graph = await eventually('live figures', async () => {
      const { body } = await get<GraphView>('/api/graph');
      const traffic = body.services[0]?.traffic;
      // A reading may fall between the two inserts.
      const whole = Math.abs((traffic?.errorRate ?? 0) - 0.2) < 1e-9;
      return whole && (traffic?.requestsPerSecond ?? 0) >= 5 ? body : undefined;
    });
    expect(graph.trafficProblem).toBeNull();
    expect(graph.mesh).toBe('example');
    expect(graph.teams).toContainEqual({ name: 'rides', colour: '#2563eb', contact: '#rides' });
    const [fare, orders] = graph.services;
    expect(fare).toMatchObject({ name: 'fare', team: 'pricing', health: 'healthy' });
    expect(fare?.instances).toHaveLength(1);
    expect(fare?.objectives.map(({ name }) => name)).toEqual(['fare-availability']);
    expect(fare?.traffic.errorRate).toBeCloseTo(0.2, 6);
    expect(fare?.traffic.p50Ms).toBeCloseTo(20, 0);
    expect(fare?.traffic.p99Ms).toBeCloseTo(80, 0);
    expect(orders?.traffic).toMatchObject({ requestsPerSecond: 0, p50Ms: null });
    const line = graph.edges.find(({ id }) => id === 'orders->fare');
    expect(line).toMatchObject({ team: 'rides', revision: revision.id });
    expect(line?.operations.map(({ operation }) => operation)).toEqual([
      'fare.estimate',
      'fare.get-estimate',
    ]);
    expect(line?.traffic).toEqual(fare?.traffic && { ...fare.traffic, deniedPerSecond: 0 });
    expect(graph.denials).toEqual([
      {
        caller: 'rider-app',
        callee: 'fare',
        method: 'GET',
        path: '/v1/estimate/{id}',
        count: 5,
        lastAtMs: expect.any(Number),
        refusedBy: 'caller',
      },
    ]);
  });

  it('GET /api/services and /api/edges', async () => {
    const services = await get<ServiceView[]>('/api/services');
    expect(services.body.map(({ name }) => name)).toEqual(['fare', 'orders', 'rider-app']);
    const edges = await get<EdgeView[]>('/api/edges');
    expect(edges.body.map(({ id }) => id)).toEqual(['orders->fare', 'rider-app->orders']);
  });

  it('GET /api/services/:name: neighbours and the last 30 minutes', async () => {
    await record(100, {
      caller: 'orders',
      callee: 'fare',
      operation: 'fare.estimate',
      agoMs: 600_000,
    });
    const { body } = await get<ServiceDetail>('/api/services/fare');
    expect(body.owner).toEqual({ name: 'pricing', colour: '#ea580c', contact: '#pricing' });
    expect(body.inbound.map(({ id }) => id)).toEqual(['orders->fare']);
    expect(body.outbound).toEqual([]);
    expect(body.history).toHaveLength(180);
    const busy = body.history.filter((point) => point.requestsPerSecond >= 10);
    expect(busy[0]).toMatchObject({ requestsPerSecond: 10, errorRate: 0, deniedPerSecond: 0 });
    expect(busy[0]?.p50Ms).toBeCloseTo(20, 0);
    expect(body.history[0]).toMatchObject({ requestsPerSecond: 0, p50Ms: null, p99Ms: null });
  });

  it('GET /api/edges/:caller/:callee: operations and latest requests', async () => {
    await record(1, { caller: 'orders', callee: 'fare', operation: 'fare.estimate', agoMs: 0 });
    const { body } = await get<EdgeDetail>('/api/edges/orders/fare');
    expect(body.edge.id).toBe('orders->fare');
    expect(body.callerOwner.name).toBe('rides');
    expect(body.calleeOwner.name).toBe('pricing');
    expect(body.recent).toHaveLength(50);
    expect(body.recent[0]).toEqual({
      atMs: expect.any(Number),
      operation: 'fare.estimate',
      method: 'GET',
      path: '/v1/estimate/7',
      status: 200,
      durationMs: 20,
      responseFlags: '',
      traceId: TRACE_ID,
    });
    expect(body.history).toHaveLength(180);
  });

  it('GET /api/explain/:from/:to: the proof, or the rules to add', async () => {
    const allowed = await get<Explanation>('/api/explain/orders/fare');
    expect(allowed.body).toMatchObject({ verdict: 'allowed', edge: { id: 'orders->fare' } });
    const blocked = await get<Explanation>('/api/explain/rider-app/fare');
    expect(blocked.status).toBe(200);
    expect(blocked.body.verdict).toBe('blocked');
    expect(blocked.body.operations[0]?.missing.map(({ side }) => side)).toEqual(['need', 'grant']);
  });

  it('GET /api/objectives', async () => {
    const { body } = await get<ObjectiveView[]>('/api/objectives');
    expect(body).toHaveLength(1);
    // 40 good of 50: 20 times the 1 % of errors that the target allows.
    expect(body[0]).toMatchObject({
      name: 'fare-availability',
      indicator: 'availability',
      thresholdMs: null,
      good: 40,
      total: 50,
      sli: 0.8,
      alert: 'page',
    });
    expect(body[0]?.burnRates[0]).toEqual({ window: '5m', burnRate: expect.closeTo(20, 6) });
  });

  it('GET /api/traces/:traceId', async () => {
    const time = new Date().toISOString().slice(0, -1).replace('T', ' ');
    await clickhouse.insert({
      table: 'dotline.spans',
      format: 'JSONEachRow',
      values: [
        {
          time,
          trace_id: TRACE_ID,
          span_id: '00f067aa0ba902b7',
          name: 'GET /v1/estimate/{id}',
          kind: 'SERVER',
          service: 'fare',
          duration_ns: 1_500_000,
          status: 'ERROR',
        },
      ],
    });
    const { body } = await get<TraceView>(`/api/traces/${TRACE_ID}`);
    expect(body).toEqual({
      traceId: TRACE_ID,
      spans: [
        {
          spanId: '00f067aa0ba902b7',
          parentSpanId: '',
          name: 'GET /v1/estimate/{id}',
          service: 'fare',
          kind: 'SERVER',
          startMs: expect.any(Number),
          durationMs: 1.5,
          failed: true,
        },
      ],
    });
  });

  it.each([
    ['/api/services/fares', 404, 'there is no service fares', 'did you mean fare?'],
    ['/api/explain/fare/order', 404, 'there is no service order', 'did you mean orders?'],
    [
      '/api/edges/fare/orders',
      404,
      'fare may not talk to orders: there is no edge',
      'dotline explain fare orders names the rules that are missing',
    ],
    ['/api/traces/xyz', 400, 'xyz is no trace id', 'a trace id has 32 hexadecimal digits'],
    ['/api/nothing', 404, 'there is no /api/nothing', 'GET /api/graph is the whole picture'],
    ['/api/services/%ff', 400, "Failed to decode param '%ff'", undefined],
  ])('%s answers %d with a way out', async (path, status, error, hint) => {
    const answer = await get<ApiProblem>(path);
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual(hint === undefined ? { error } : { error, hint });
  });

  it('serves the page: hashed files for ever, index.html never', async () => {
    const page = await get<string>('/');
    expect(page.body).toContain('<title>Dotline</title>');
    expect(page.headers.get('cache-control')).toBe('no-cache');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    const script = await get<string>('/main-XD5QSII6.js');
    expect(script.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect((await get('/missing.js')).status).toBe(404);
    const metrics = await get<string>('/metrics');
    expect(metrics.body).toContain('dotline_page_server_readings_total');
    expect(metrics.body).toContain('route="/api/services/:name"');
  });

  it('GET /api/events: a graph, traffic each second, a graph when the picture changes', async () => {
    const readers = await Promise.all(
      [1, 2, 3].map(() => EventReader.open(`${address}/api/events`)),
    );
    const [reader] = readers;
    const before = await readings();
    await eventually('traffic', async () => reader?.of('traffic')[4]);
    // However many listen, ClickHouse is asked once a second.
    expect((await readings()) - before).toBeLessThanOrEqual(6);
    expect(reader?.events[0]?.event).toBe('graph');
    const update = reader?.of('traffic')[4]?.data as TrafficUpdate;
    expect(Object.keys(update.services)).toEqual(['fare', 'orders', 'rider-app']);
    expect(Object.keys(update.edges)).toEqual(['orders->fare', 'rider-app->orders']);
    expect(reader?.of('graph')).toHaveLength(1);

    await writeSidecarTypes(database, holding(revision.id, false));
    await valkey.publish('dotline:events', '{"type":"sidecars"}');
    for (const each of readers) {
      const changed = await eventually('a graph', async () => each.of('graph')[1]);
      expect((changed.data as GraphView).services[0]?.health).toBe('degraded');
      await each.close();
    }
    await writeSidecarTypes(database, holding(revision.id));
  });

  it('finds changes without a hint', async () => {
    const reader = await EventReader.open(`${address}/api/events`);
    await publishRevision(database, exampleRevision(false));
    const changed = await eventually('a graph', async () =>
      reader.of('graph').find(({ data }) => (data as GraphView).edges.length === 1),
    );
    expect((changed.data as GraphView).revision.id).toBe(exampleRevision(false).revision.id);
    await publishRevision(database, exampleRevision());
    await eventually('the graph before', async () => {
      const last = reader.of('graph').at(-1)?.data as GraphView | undefined;
      return last?.revision.id === revision.id ? last : undefined;
    });
    await reader.close();
  });

  it('without ClickHouse the picture stays, says why figures do not, and recovers', async () => {
    const reader = await EventReader.open(`${address}/api/events`);
    await eventually('a graph', async () => reader.of('graph')[0]);
    await clickhouseServer.process.stop(0);
    await eventually('a problem in the stream', async () => {
      const last = reader.of('traffic').at(-1)?.data as TrafficUpdate | undefined;
      return last?.trafficProblem ?? undefined;
    });
    const graph = await get<GraphView>('/api/graph');
    expect(graph.status).toBe(200);
    expect(graph.body.edges).toHaveLength(2);
    expect(graph.body.trafficProblem).toMatch(/^ClickHouse does not answer/);
    const status = await get<StatusView>('/api/status');
    expect(status.body.unavailable.map(({ part }) => part)).toEqual(['ClickHouse']);
    const detail = await get<ApiProblem>('/api/services/fare');
    expect(detail.status).toBe(503);
    expect(detail.body.error).toMatch(/^ClickHouse does not answer/);
    expect((await get<{ status: string }>('/healthz')).body.status).toBe('degraded');

    clickhouseServer = await startClickHouse(clickhouseServer);
    await eventually('figures', async () => {
      const last = reader.of('traffic').at(-1)?.data as TrafficUpdate | undefined;
      return last?.trafficProblem === null ? true : undefined;
    });
    expect((await get('/api/services/fare')).status).toBe(200);
    await reader.close();
  });

  it('without Valkey and PostgreSQL the last picture stays', async () => {
    await valkeyServer.process.stop(0);
    await postgresqlServer.process.stop(0);
    const status = await eventually('both to be missed', async () => {
      const { body } = await get<StatusView>('/api/status');
      return body.unavailable.length === 2 ? body : undefined;
    });
    expect(status.unavailable.map(({ part }) => part)).toEqual(['PostgreSQL', 'Valkey']);
    expect(status.revision?.id).toBe(revision.id);
    const graph = await get<GraphView>('/api/graph');
    expect(graph.status).toBe(200);
    expect(graph.body.services).toHaveLength(3);
  });

  async function readings(): Promise<number> {
    const { body } = await get<string>('/metrics');
    const pattern = /readings_total\{store="clickhouse",outcome="success"\} (\d+)/;
    return Number(pattern.exec(body)?.[1] ?? 0);
  }
});
