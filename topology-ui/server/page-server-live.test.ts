import { writeHostInstances } from '@dotline/control-plane/instance-store';
import { clearMeshProblems, writeMeshProblems } from '@dotline/control-plane/mesh-error-store';
import { publishRevision } from '@dotline/control-plane/revision-store';
import { writeSidecars } from '@dotline/control-plane/sidecar-store';
import { startClickHouse } from '@dotline/slo/testing/running-stores';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { ApiProblem, GraphView, StatusView, TrafficUpdate } from './api.js';
import { EventReader } from './testing/event-reader.js';
import { exampleInstances, exampleRevision } from './testing/example-mesh.js';
import { holding, RunningPageServer } from './testing/running-page-server.js';

jest.setTimeout(90_000);

let running: RunningPageServer;

beforeAll(async () => {
  running = await RunningPageServer.start();
});

afterAll(async () => {
  await running?.stop();
});

describe('before the first revision', () => {
  it('says so, with the reason in the mesh directory', async () => {
    const problem = { file: 'mesh.yaml', line: 2, message: 'name is missing' };
    await writeMeshProblems(running.database, [problem]);
    await running.valkey.publish('dotline:events', '{"type":"mesh-error"}');
    const { body } = await running.eventually('the problem', async () => {
      const answer = await running.get<ApiProblem>('/api/graph');
      return answer.body.hint === undefined ? undefined : answer;
    });
    expect(body).toEqual({
      error: 'no revision is live yet',
      hint: 'mesh.yaml:2: name is missing',
    });
    // Each store is missed until it answers for the first time.
    const status = await running.eventually('all stores', async () => {
      const answer = await running.get<StatusView>('/api/status');
      return answer.body.unavailable.length === 0 ? answer : undefined;
    });
    expect(status.status).toBe(200);
    expect(status.body).toMatchObject({
      revision: null,
      problems: [problem],
      converged: false,
      unavailable: [],
    });
    await clearMeshProblems(running.database);
  });

  it('sends the picture to whoever listens as soon as there is one', async () => {
    const reader = await EventReader.open(`${running.address}/api/events`);
    await running.eventually('traffic', async () => reader.of('traffic')[0]);
    expect(reader.of('graph')).toEqual([]);
    await publishRevision(running.database, exampleRevision(false));
    await running.valkey.publish('dotline:events', '{"type":"revision"}');
    const { data } = await running.eventually('a graph', async () => reader.of('graph')[0]);
    expect((data as GraphView).edges.map(({ id }) => id)).toEqual(['rider-app->orders']);
    await reader.close();
  });
});

describe('a mesh that changes and stores that fail', () => {
  const revision = exampleRevision().revision;

  beforeAll(async () => {
    await publishRevision(running.database, exampleRevision());
    await writeHostInstances(running.database, 'host-1', exampleInstances(), Date.now());
    await writeSidecars(running.database, holding(revision.id));
    await running.eventually('the revision', async () => {
      const { body } = await running.get<StatusView>('/api/status');
      return body.converged ? true : undefined;
    });
  });

  it('GET /api/events: a graph, traffic each second, a graph when the picture changes', async () => {
    const readers = await Promise.all(
      [1, 2, 3].map(() => EventReader.open(`${running.address}/api/events`)),
    );
    const [reader] = readers;
    const before = await running.readings();
    await running.eventually('traffic', async () => reader?.of('traffic')[4]);
    // However many listen, ClickHouse is asked once a second.
    expect((await running.readings()) - before).toBeLessThanOrEqual(6);
    expect(reader?.events[0]?.event).toBe('graph');
    const update = reader?.of('traffic')[4]?.data as TrafficUpdate;
    expect(Object.keys(update.services)).toEqual(['fare', 'orders', 'rider-app']);
    expect(Object.keys(update.edges)).toEqual(['orders->fare', 'rider-app->orders']);
    expect(reader?.of('graph')).toHaveLength(1);

    await writeSidecars(running.database, holding(revision.id, false));
    await running.valkey.publish('dotline:events', '{"type":"sidecars"}');
    for (const each of readers) {
      const changed = await running.eventually('a graph', async () => each.of('graph')[1]);
      expect((changed.data as GraphView).services[0]?.health).toBe('degraded');
      await each.close();
    }
    await writeSidecars(running.database, holding(revision.id));
  });

  it('finds changes without a hint', async () => {
    const reader = await EventReader.open(`${running.address}/api/events`);
    await publishRevision(running.database, exampleRevision(false));
    const changed = await running.eventually('a graph', async () =>
      reader.of('graph').find(({ data }) => (data as GraphView).edges.length === 1),
    );
    expect((changed.data as GraphView).revision.id).toBe(exampleRevision(false).revision.id);
    await publishRevision(running.database, exampleRevision());
    await running.eventually('the graph before', async () => {
      const last = reader.of('graph').at(-1)?.data as GraphView | undefined;
      return last?.revision.id === revision.id ? last : undefined;
    });
    await reader.close();
  });

  it('without ClickHouse the picture stays, says why figures do not, and recovers', async () => {
    const reader = await EventReader.open(`${running.address}/api/events`);
    await running.eventually('a graph', async () => reader.of('graph')[0]);
    await running.stores.clickhouse.process.stop(0);
    await running.eventually('a problem in the stream', async () => {
      const last = reader.of('traffic').at(-1)?.data as TrafficUpdate | undefined;
      return last?.trafficProblem ?? undefined;
    });
    const graph = await running.get<GraphView>('/api/graph');
    expect(graph.status).toBe(200);
    expect(graph.body.edges).toHaveLength(2);
    expect(graph.body.trafficProblem).toMatch(/^ClickHouse does not answer/);
    const status = await running.get<StatusView>('/api/status');
    expect(status.body.unavailable.map(({ part }) => part)).toEqual(['ClickHouse']);
    const detail = await running.get<ApiProblem>('/api/services/fare');
    expect(detail.status).toBe(503);
    expect(detail.body.error).toMatch(/^ClickHouse does not answer/);
    expect((await running.get<{ status: string }>('/healthz')).body.status).toBe('degraded');

    running.stores.clickhouse = await startClickHouse(running.stores.clickhouse);
    await running.eventually('figures', async () => {
      const last = reader.of('traffic').at(-1)?.data as TrafficUpdate | undefined;
      return last?.trafficProblem === null ? true : undefined;
    });
    expect((await running.get('/api/services/fare')).status).toBe(200);
    await reader.close();
  });

  it('without Valkey and PostgreSQL the last picture stays', async () => {
    await running.stores.valkey.process.stop(0);
    await running.stores.postgresql.process.stop(0);
    const status = await running.eventually('both to be missed', async () => {
      const { body } = await running.get<StatusView>('/api/status');
      return body.unavailable.length === 2 ? body : undefined;
    });
    expect(status.unavailable.map(({ part }) => part)).toEqual(['PostgreSQL', 'Valkey']);
    expect(status.revision?.id).toBe(revision.id);
    const graph = await running.get<GraphView>('/api/graph');
    expect(graph.status).toBe(200);
    expect(graph.body.services).toHaveLength(3);
  });
});
