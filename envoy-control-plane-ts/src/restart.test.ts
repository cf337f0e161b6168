import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { LightConnection } from './testing/light-client.js';
import { eventually, freePort } from './testing/real-envoy.js';
import type { RestartableServerState } from './testing/restartable-server.js';
import { TypeUrl } from './type-url.js';

jest.setTimeout(120_000);

const nodeCount = 1_000;
const perConnection = 25;
const types = [TypeUrl.Cluster, TypeUrl.Endpoint];

let stopping = false;
let child: ChildProcess | undefined;
let state: RestartableServerState | undefined;
let responses = 0;

/** What one node holds: name to version, by type. */
type Held = Map<TypeUrl, Map<string, string>>;

afterAll(() => {
  stopping = true;
  child?.kill('SIGKILL');
});

describe('a server that is killed and started again', () => {
  it('has all 1,000 streams back, and sends them nothing but what changes', async () => {
    const port = await freePort();
    await start(port);
    const nodes: Held[] = Array.from(
      { length: nodeCount },
      () => new Map(types.map((typeUrl) => [typeUrl, new Map()])),
    );
    for (let from = 0; from < nodeCount; from += perConnection) {
      connectNodes(port, nodes, from);
    }
    await eventually(() => state?.held === 4 * nodeCount);
    expect(versions(nodes).size).toBe(4);

    const killed = once(child as ChildProcess, 'exit');
    child?.kill('SIGKILL');
    await killed;
    responses = 0;
    const killedAt = performance.now();
    await start(port);
    const startedAt = performance.now();
    await eventually(() => state?.held === 4 * nodeCount, 60_000);
    const convergedAt = performance.now();
    console.info(
      `${nodeCount} streams: the server was back ${Math.round(startedAt - killedAt)} ms after kill -9, and knew what all of them hold ${Math.round(convergedAt - startedAt)} ms later`,
    );
    expect(state).toEqual({ streams: nodeCount, held: 4 * nodeCount, responses: 0 });
    expect(responses).toBe(0);

    child?.send('change');
    // The cluster that changes, and its endpoints, for which Envoy waits then.
    await eventually(() => responses >= 2 * nodeCount);
    await sleep(500);
    expect(state).toEqual({ streams: nodeCount, held: 4 * nodeCount, responses: 2 * nodeCount });
    expect(versions(nodes).size).toBe(4);
  });
});

async function start(port: number): Promise<void> {
  state = undefined;
  const path = join(import.meta.dirname, '..', 'dist', 'testing', 'restartable-server.js');
  child = fork(path, [String(port), String(nodeCount)], { execArgv: [] });
  child.on('message', (message: RestartableServerState) => {
    state = message;
  });
  await eventually(() => state);
}

/** One connection with some nodes' streams; again, with jitter, whenever it breaks. */
function connectNodes(port: number, nodes: readonly Held[], from: number): void {
  const connection = new LightConnection(port);
  const streams = nodes.slice(from, from + perConnection).map((held, index) => {
    const stream = connection.stream();
    for (const [typeUrl, versionOf] of held) {
      stream.send({
        node: { id: `node-${from + index}` },
        typeUrl,
        ...(typeUrl === TypeUrl.Endpoint && { resourceNamesSubscribe: ['a', 'b'] }),
        initialResourceVersions: Object.fromEntries(versionOf),
      });
    }
    stream.received = (response) => {
      responses += 1;
      for (const { name, version } of response.resources) {
        held.get(response.typeUrl as TypeUrl)?.set(name, version);
      }
      stream.acknowledge(response);
    };
    return stream;
  });
  void Promise.all(streams.map(({ ended }) => ended)).then(() => {
    connection.close();
    if (!stopping) {
      setTimeout(() => connectNodes(port, nodes, from), 100 + Math.random() * 400);
    }
  });
}

function versions(nodes: readonly Held[]): ReadonlySet<string> {
  return new Set(
    nodes.flatMap((held) =>
      [...held].flatMap(([typeUrl, versionOf]) =>
        [...versionOf].map(([name, version]) => `${typeUrl} ${name} ${version}`),
      ),
    ),
  );
}
