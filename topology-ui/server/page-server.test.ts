import { ChainVerifier } from '@dotline/control-plane/audit-chain';
import { writeHostInstances } from '@dotline/control-plane/instance-store';
import { publishRevision } from '@dotline/control-plane/revision-store';
import { writeSidecars } from '@dotline/control-plane/sidecar-store';
import { RecordedSpans } from '@dotline/platform-process/testing/recorded-spans';
import type { Explanation } from '@dotline/policies/explain';
import { Evaluator } from '@dotline/slo/evaluator';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type {
  ApiProblem,
  AuditView,
  EdgeDetail,
  EdgeView,
  GraphView,
  ObjectiveView,
  RevisionsView,
  ServiceDetail,
  ServiceView,
  StatusView,
  TraceView,
} from './api.js';
import type { DecisionCountsView, RequestDecisionsView } from './decision-view.js';
import type { AllowedTrafficView, LivePoliciesView } from './policy-view.js';
import { exampleInstances, exampleRevision } from './testing/example-mesh.js';
import { holding, RunningPageServer, TRACE_ID } from './testing/running-page-server.js';

jest.setTimeout(90_000);

let running: RunningPageServer;

beforeAll(async () => {
  running = await RunningPageServer.start();
});

afterAll(async () => {
  await running?.stop();
});

describe('a mesh with traffic', () => {
  const revision = exampleRevision().revision;

  beforeAll(async () => {
    await publishRevision(running.database, exampleRevision());
    await writeHostInstances(running.database, 'host-1', exampleInstances(), Date.now());
    await writeSidecars(running.database, holding(revision.id));
    await running.record(40, { caller: 'orders', callee: 'fare', operation: 'fare.estimate' });
    await running.record(10, {
      caller: 'orders',
      callee: 'fare',
      operation: 'fare.get-estimate',
      status: 503,
      durationUs: 80_000,
    });
    await running.record(5, {
      caller: 'rider-app',
      callee: 'fare',
      operation: 'denied',
      authorization: 'denied',
      status: 403,
    });
    const objective = async () => (await running.get<ObjectiveView[]>('/api/objectives')).body[0];
    await running.eventually('the revision', async () => {
      const { body } = await running.get<StatusView>('/api/status');
      return body.converged ? true : undefined;
    });
    // The page server reads every two seconds, so it may have the revision before an evaluation.
    expect(await objective()).toMatchObject({ evaluatedAtMs: null, total: 0, sli: null });
    const nowMs = Date.now();
    await new Evaluator(running.database, running.clickhouse).evaluate(nowMs);
    await running.eventually('the evaluation', async () =>
      (await objective())?.evaluatedAtMs === nowMs ? true : undefined,
    );
  });

  it('GET /api/status', async () => {
    const { body } = await running.get<StatusView>('/api/status');
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

  it('GET /api/revisions: what went live, newest first', async () => {
    const { body } = await running.get<RevisionsView>('/api/revisions');
    expect(body).toMatchObject({
      live: revision.id,
      history: [
        {
          revision: revision.id,
          edges: { added: revision.edges.length, removed: 0, changed: 0 },
          rollback: null,
        },
      ],
    });
    expect((await running.get('/api/revisions?limit=many')).status).toBe(400);
  });

  it('GET /api/audit and /api/audit/chain: the entries as they are stored', async () => {
    const latest = (await running.get<AuditView>('/api/audit?limit=1')).body.entries;
    const chain = (await running.get<AuditView>('/api/audit/chain?after=0')).body.entries;
    expect(chain.at(-1)).toEqual(latest[0]);
    expect(chain[0]).toMatchObject({ sequence: 1, action: 'revision-published' });
    const verifier = new ChainVerifier();
    for (const entry of chain) expect(verifier.add(entry)).toBeUndefined();
    const end = await running.get<AuditView>(`/api/audit/chain?after=${verifier.length}`);
    expect(end.body).toEqual({ entries: [] });
    const future = await running.get<AuditView>(`/api/audit?sinceMs=${Date.now() + 60_000}`);
    expect(future.body).toEqual({ entries: [] });
  });

  it('GET /api/policies/live: the rules, without what surrounds the services', async () => {
    const { body, headers } = await running.get<LivePoliciesView>('/api/policies/live');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body.revision).toMatchObject({ id: revision.id, edges: revision.edges });
    expect(body.relations).toEqual(exampleRevision().relations);
    const [first] = body.revision.mesh.services;
    expect(first).toMatchObject({ name: 'fare', command: [], directory: '' });
  });

  it('GET /api/traffic/allowed: what was let through, by caller and operation', async () => {
    const startMs = Date.now();
    const { body } = await running.get<AllowedTrafficView>('/api/traffic/allowed?days=1');
    expect(body.operations.map(({ caller, operation }) => `${caller} ${operation}`)).toEqual([
      'orders fare.estimate',
      'orders fare.get-estimate',
    ]);
    const [estimate, failing] = body.operations;
    expect(estimate?.requests).toBeGreaterThanOrEqual(40);
    expect(failing?.requests).toBe((estimate?.requests ?? 0) / 4);
    expect(body.sinceMs).toBeGreaterThan(startMs - 2 * 3_600_000);
    expect(body.sinceMs).toBeLessThan(body.untilMs);
    expect(await running.get('/api/traffic/allowed?days=0')).toMatchObject({
      status: 400,
      body: { error: 'days is a whole number from 1 to 90' },
    });
  });

  it('GET /api/graph: dots, lines, figures and denials', async () => {
    // Inserted again, because live figures are of the last ten seconds.
    await running.record(40, { caller: 'orders', callee: 'fare', operation: 'fare.estimate' });
    await running.record(10, {
      caller: 'orders',
      callee: 'fare',
      operation: 'fare.get-estimate',
      status: 503,
      durationUs: 80_000,
    });
    const graph = await running.eventually('live figures', async () => {
      const { body } = await running.get<GraphView>('/api/graph');
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
    const services = await running.get<ServiceView[]>('/api/services');
    expect(services.body.map(({ name }) => name)).toEqual(['fare', 'orders', 'rider-app']);
    const edges = await running.get<EdgeView[]>('/api/edges');
    expect(edges.body.map(({ id }) => id)).toEqual(['orders->fare', 'rider-app->orders']);
  });

  it('GET /api/request-decisions and /counts: what rules decided, and where they stand', async () => {
    await running.clickhouse.insert({
      table: 'dotline.request_decisions',
      format: 'JSONEachRow',
      values: ['allowed', 'undecided'].map((outcome) => ({
        ...{
          time: String(Date.now() / 1000),
          outcome,
          fail: 'open',
          reason: 'why',
          team: 'pricing',
        },
        ...{ caller: 'orders', callee: 'fare', operation: 'fare.get-estimate' },
      })),
    });
    const path = '/api/request-decisions';
    const { body } = await running.get<RequestDecisionsView>(`${path}?callee=fare&outcome=allowed`);
    expect(body.decisions).toMatchObject([{ outcome: 'allowed', fail: 'open', caller: 'orders' }]);
    const counts = await running.get<DecisionCountsView>(`${path}/counts?caller=orders`);
    const outcomes = { allowed: 1, refused: 0, undecided: 1 };
    expect(counts.body.operations).toEqual([
      { callee: 'fare', operation: 'fare.get-estimate', lastMinutes: outcomes, lastHour: outcomes },
    ]);
    expect((await running.get(`${path}?outcome=maybe`)).status).toBe(400);
    expect((await running.get(`${path}/counts?team=a&team=b`)).status).toBe(400);
    const services = (await running.get<ServiceView[]>('/api/services')).body;
    const fare = services.find(({ name }) => name === 'fare');
    expect(fare?.operations.map(({ requestRule }) => requestRule)).toEqual([
      null,
      { file: 'policies/teams/pricing/rules.rego', line: 9, fail: 'open' },
    ]);
  });

  it('GET /api/services/:name: neighbours and the last 30 minutes', async () => {
    await running.record(100, {
      caller: 'orders',
      callee: 'fare',
      operation: 'fare.estimate',
      agoMs: 600_000,
    });
    const { body } = await running.get<ServiceDetail>('/api/services/fare');
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
    await running.record(1, {
      caller: 'orders',
      callee: 'fare',
      operation: 'fare.estimate',
      agoMs: 0,
    });
    const { body } = await running.get<EdgeDetail>('/api/edges/orders/fare');
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
    const allowed = await running.get<Explanation>('/api/explain/orders/fare');
    expect(allowed.body).toMatchObject({ verdict: 'allowed', edge: { id: 'orders->fare' } });
    const blocked = await running.get<Explanation>('/api/explain/rider-app/fare');
    expect(blocked.status).toBe(200);
    expect(blocked.body.verdict).toBe('blocked');
    expect(blocked.body.operations[0]?.missing.map(({ side }) => side)).toEqual(['need', 'grant']);
  });

  it('GET /api/objectives', async () => {
    const { body } = await running.get<ObjectiveView[]>('/api/objectives');
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
      eventsNeeded: 100,
    });
    expect(body[0]?.burnRates[0]).toEqual({ window: '5m', burnRate: expect.closeTo(20, 6) });
  });

  it('GET /api/traces/:traceId', async () => {
    const time = new Date().toISOString().slice(0, -1).replace('T', ' ');
    await running.clickhouse.insert({
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
    const { body } = await running.get<TraceView>(`/api/traces/${TRACE_ID}`);
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

  it('has a span for each request, with the readings that it waited for, in the trace of its caller', async () => {
    const recorded = RecordedSpans.start();
    try {
      const headers = { traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01` };
      await fetch(`${running.address}/api/services/orders`, { headers });
      await running.get('/api/services/nobody');
      await running.get('/healthz');
      await running.eventually('both spans', async () =>
        recorded.finished.filter(({ name }) => name.startsWith('GET')).length >= 2
          ? true
          : undefined,
      );
      const requests = recorded.finished.filter(({ name }) => name.startsWith('GET'));
      const [found, missing] = requests;
      if (found === undefined) throw new Error('no span');
      expect(requests.map(({ name }) => name)).toEqual([
        'GET /api/services/:name',
        'GET /api/services/:name',
      ]);
      expect(found.spanContext().traceId).toBe(TRACE_ID);
      expect(found.attributes).toMatchObject({
        'url.path': '/api/services/orders',
        'http.response.status_code': 200,
      });
      expect(recorded.below(found).map(({ name }) => name)).toContain('read details');
      expect(missing?.attributes['http.response.status_code']).toBe(404);
      // Readings that no request waits for are no spans.
      expect(
        recorded.finished.every((span) => span.parentSpanContext || span.name.startsWith('GET')),
      ).toBe(true);
    } finally {
      await recorded.stop();
    }
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
    const answer = await running.get<ApiProblem>(path);
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual(hint === undefined ? { error } : { error, hint });
  });

  it('serves the page: hashed files for ever, index.html never', async () => {
    const page = await running.get<string>('/');
    expect(page.body).toContain('<title>Dotline</title>');
    expect(page.headers.get('cache-control')).toBe('no-cache');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    const script = await running.get<string>('/main-XD5QSII6.js');
    expect(script.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect((await running.get('/missing.js')).status).toBe(404);
    const metrics = await running.get<string>('/metrics');
    expect(metrics.body).toContain('dotline_page_server_readings_total');
    expect(metrics.body).toContain('route="/api/services/:name"');
  });
});
