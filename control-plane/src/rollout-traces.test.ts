import { makeRevision } from '@dotline/model/revision';
import { inSpan } from '@dotline/platform-process/span';
import { RecordedSpans } from '@dotline/platform-process/testing/recorded-spans';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { context, trace } from '@opentelemetry/api';
import type { Hooks, ResponseEvent, StreamInfo } from 'envoy-control-plane-ts';
import type { LiveRevision } from './revision-store.js';
import { RolloutTraces } from './rollout-traces.js';
import { testEdge, testMesh } from './testing/test-revision.js';

let recorded: RecordedSpans;
beforeAll(() => {
  recorded = RecordedSpans.start();
});
afterAll(() => recorded.stop());
beforeEach(() => recorded.reset());

const change = { sinceMs: Date.now(), files: ['policies/teams/a/a.rego'] };
const stream = { streamId: 7, node: { id: 'a-1' } } as StreamInfo;

describe('the trace of a change', () => {
  it('ends at once when nothing goes live', async () => {
    await new RolloutTraces().change(change, async () => undefined);
    expect(spans()).toEqual([['mesh change', undefined]]);
  });

  it('lasts until the revision is enforced, with the pushes in it', async () => {
    const traces = new RolloutTraces();
    const hooks = traces.following({});
    await traces.change(change, async () => {
      await inSpan('compile', {}, async () => undefined);
      context.with(traces.wentLive(live('1'), undefined), () => undefined);
    });
    expect(spans()).toEqual([['compile', 'mesh change']]);
    hooks.responded?.({ ...response('n1'), bytes: 10 });
    hooks.acked?.(response('n1'));
    traces.enforced('another', Date.now(), 1);
    const atMs = Date.now() + 5;
    traces.enforced('1', atMs, 1);
    expect(spans()).toEqual([
      ['compile', 'mesh change'],
      ['xDS push', 'roll out'],
      ['roll out', 'mesh change'],
      ['mesh change', undefined],
    ]);
    const [root] = recorded.finished.slice(-1);
    expect((root?.endTime[0] ?? 0) * 1000 + (root?.endTime[1] ?? 0) / 1e6).toBe(atMs);
    expect(root?.attributes).toMatchObject({
      'dotline.edges.added': 1,
      'dotline.revision': id('1'),
    });
    traces.enforced('1', Date.now(), 1);
    expect(spans()).toHaveLength(4);
  });

  it('is that of the rollout alone when another replica made the revision live', () => {
    const traces = new RolloutTraces();
    traces.wentLive(live('1'), undefined);
    traces.close();
    expect(spans()).toEqual([['roll out', undefined]]);
  });

  it('ends when a newer revision goes live', async () => {
    const traces = new RolloutTraces();
    traces.wentLive(live('1'), undefined);
    traces.wentLive(live('2'), live('1'));
    expect(outcomes()).toEqual(['superseded']);
    traces.close();
  });

  it('ends when sidecars lag for long, as failed', () => {
    jest.useFakeTimers();
    try {
      new RolloutTraces().wentLive(live('1'), undefined);
      jest.advanceTimersByTime(120_000);
      expect(outcomes()).toEqual(['not enforced']);
    } finally {
      jest.useRealTimers();
    }
  });

  it('does not begin for a commit of what is live, nor for what was enforced before', () => {
    const traces = new RolloutTraces();
    traces.wentLive(live('1'), live('1'));
    traces.wentLive({ ...live('2'), enforcedInMs: 3 }, live('1'));
    traces.close();
    expect(spans()).toEqual([]);
  });

  it('has a push that was rejected, and one whose stream broke, as failed', () => {
    const traces = new RolloutTraces();
    const others: string[] = [];
    const hooks = traces.following({
      nacked: () => void others.push('nacked'),
      streamClosed: () => void others.push('closed'),
    } satisfies Hooks);
    traces.wentLive(live('1'), undefined);
    for (const nonce of ['n1', 'n2']) hooks.responded?.({ ...response(nonce), bytes: 10 });
    hooks.nacked?.({
      ...response('n1'),
      rejection: { code: 13, message: 'no such filter' },
      retried: false,
    });
    hooks.streamClosed?.(stream);
    traces.close();
    expect(recorded.finished.map(({ status }) => status.message)).toEqual([
      'no such filter',
      'the stream was closed',
      undefined,
    ]);
    expect(others).toEqual(['nacked', 'closed']);
  });

  it('counts pushes beyond the first hundred without a span each', () => {
    const traces = new RolloutTraces();
    const hooks = traces.following({});
    traces.wentLive(live('1'), undefined);
    for (let push = 0; push < 150; push += 1) {
      hooks.responded?.({ ...response(`n${push}`), bytes: 10 });
      hooks.acked?.(response(`n${push}`));
    }
    traces.close();
    expect(spans()).toHaveLength(101);
    expect(recorded.finished.at(-1)?.attributes).toMatchObject({ 'dotline.pushes': 150 });
  });
});

/** Name and name of the parent of each finished span, in the order of their ends. */
function spans(): [string, string | undefined][] {
  const finished = recorded.finished;
  const open = trace.getActiveSpan();
  expect(open).toBeUndefined();
  return finished.map(({ name, parentSpanContext }) => {
    if (parentSpanContext === undefined) return [name, undefined];
    const parent = finished.find((each) => each.spanContext().spanId === parentSpanContext.spanId);
    return [name, parent?.name ?? 'mesh change'];
  });
}

function outcomes(): unknown[] {
  return recorded.finished.map(({ attributes }) => attributes['dotline.outcome']);
}

function response(nonce: string): ResponseEvent {
  const update = { resources: [], removed: ['gone'], version: 'v1' };
  return { stream, typeUrl: CLUSTER, nonce, update } as unknown as ResponseEvent;
}

const CLUSTER = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';

function live(rolloutId: string): LiveRevision {
  return {
    revision: revision(rolloutId),
    relations: { needs: [], grants: [] } as unknown as LiveRevision['relations'],
    findings: [],
    rolloutId,
    liveSinceMs: Date.now(),
    enforcedInMs: undefined,
  };
}

function revision(commit: string) {
  const edges = [testEdge('a', 'b', ['read'])];
  return makeRevision({ mesh: testMesh(['a', 'b']), edges, createdAtMs: 1, commit }, undefined);
}

function id(rolloutId: string): string {
  return revision(rolloutId).id;
}
