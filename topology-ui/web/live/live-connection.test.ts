import type { GraphView } from '@dotline/topology-ui/api';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type EventStream, LiveConnection, silenceMaxMs } from './live-connection.js';

class FakeStream implements EventStream {
  closed = false;
  private readonly listeners = new Map<string, (event: { data?: unknown }) => void>();

  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void {
    this.listeners.set(type, listener);
  }

  emit(type: string, data?: unknown): void {
    this.listeners.get(type)?.({ data });
  }

  close(): void {
    this.closed = true;
  }
}

const graph = { mesh: 'test' } as GraphView;

describe('the live connection', () => {
  let streams: FakeStream[];
  let states: string[];
  let graphs: GraphView[];
  let updates: unknown[];
  let answer: () => Promise<GraphView>;
  let connection: LiveConnection;
  const last = () => streams.at(-1) as FakeStream;

  beforeEach(() => {
    jest.useFakeTimers();
    [streams, states, graphs, updates] = [[], [], [], []];
    answer = () => Promise.resolve(graph);
    connection = new LiveConnection({
      open: () => {
        streams.push(new FakeStream());
        return last();
      },
      loadGraph: () => answer(),
      onGraph: (value) => graphs.push(value),
      onTraffic: (value) => updates.push(value),
      onState: (state) => states.push(state),
    });
    connection.start();
  });

  afterEach(() => {
    connection.close();
    jest.useRealTimers();
  });

  it('loads a snapshot when the stream opens, then delivers events', async () => {
    last().emit('open');
    await jest.advanceTimersByTimeAsync(0);
    last().emit('traffic', '{"atMs":1}');
    last().emit('graph', '{"mesh":"later"}');
    expect(graphs).toEqual([graph, { mesh: 'later' }]);
    expect(updates).toEqual([{ atMs: 1 }]);
    expect(states.at(-1)).toBe('live');
  });

  it('reconnects after the stream fails and loads a snapshot again', async () => {
    last().emit('open');
    await jest.advanceTimersByTimeAsync(0);
    last().emit('error');
    expect(states.at(-1)).toBe('reconnecting');
    expect(streams[0]?.closed).toBe(true);
    await jest.advanceTimersByTimeAsync(500);
    last().emit('open');
    await jest.advanceTimersByTimeAsync(0);
    expect([streams.length, graphs.length, states.at(-1)]).toEqual([2, 2, 'live']);
  });

  it('takes silence for a failure', async () => {
    last().emit('open');
    await jest.advanceTimersByTimeAsync(silenceMaxMs + 1);
    expect(states.at(-1)).toBe('reconnecting');
  });

  it('waits longer after each failure, up to a bound', async () => {
    for (const delay of [500, 1_000, 2_000, 4_000, 4_000]) {
      const before = streams.length;
      last().emit('error');
      await jest.advanceTimersByTimeAsync(delay - 1);
      expect(streams.length).toBe(before);
      await jest.advanceTimersByTimeAsync(1);
      expect(streams.length).toBe(before + 1);
    }
  });

  it('retries when the snapshot is refused or an event cannot be read', async () => {
    answer = () => Promise.reject(new Error('down'));
    last().emit('open');
    await jest.advanceTimersByTimeAsync(0);
    expect(states.at(-1)).toBe('reconnecting');
    await jest.advanceTimersByTimeAsync(500);
    last().emit('traffic', '{');
    expect(states.at(-1)).toBe('reconnecting');
    expect(updates).toEqual([]);
  });

  it('hears nothing of a stream that it gave up', async () => {
    const old = last();
    old.emit('error');
    old.emit('traffic', '{"atMs":1}');
    old.emit('error');
    await jest.advanceTimersByTimeAsync(500);
    expect(updates).toEqual([]);
    expect(streams.length).toBe(2);
  });

  it('stops for good when closed', async () => {
    connection.close();
    await jest.advanceTimersByTimeAsync(60_000);
    expect([streams.length, last().closed]).toEqual([1, true]);
  });
});
