import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ListenerSchema } from './gen/envoy/config/listener/v3/listener_pb.js';
import { registry } from './gen/registry.js';
import { resourcesOf, type Snapshot, SnapshotCache } from './snapshot-cache.js';
import { ask, Backend, SteadyRequests } from './testing/data-plane.js';
import { ads, cluster, endpoints, listener, ownStream, routes } from './testing/hello-resources.js';
import { type EnvoyOptions, eventually, freePort, RealEnvoy } from './testing/real-envoy.js';
import { TypeUrl } from './type-url.js';
import { XdsServer } from './xds-server.js';

const nodeId = 'node-1';

jest.setTimeout(60_000);

interface Bootstrap {
  readonly title: string;
  readonly apiType: EnvoyOptions['apiType'];
  readonly delivery: 'aggregated' | 'separate' | 'listeners from a file';
}

const bootstraps: Bootstrap[] = [
  { title: 'incremental, aggregated', apiType: 'DELTA_GRPC', delivery: 'aggregated' },
  { title: 'state of the world, aggregated', apiType: 'GRPC', delivery: 'aggregated' },
  { title: 'incremental, a stream for each resource', apiType: 'DELTA_GRPC', delivery: 'separate' },
  { title: 'state of the world, a stream for each', apiType: 'GRPC', delivery: 'separate' },
  {
    title: 'listeners from a file, the rest incremental',
    apiType: 'DELTA_GRPC',
    delivery: 'listeners from a file',
  },
  {
    title: 'listeners from a file, the rest in state of the world',
    apiType: 'GRPC',
    delivery: 'listeners from a file',
  },
];

describe.each(bootstraps)('a real Envoy: $title', ({ apiType, delivery }) => {
  const source = delivery === 'separate' ? ownStream(apiType) : ads;
  let cache: SnapshotCache;
  let server: XdsServer;
  let xdsPort: number;
  let envoy: RealEnvoy | undefined;
  let backends: [Backend, Backend];
  let ports: [number, number];
  let directory: string;
  let methods: Set<string>;
  let nacks: string[];
  let steady: SteadyRequests | undefined;

  beforeEach(async () => {
    methods = new Set();
    nacks = [];
    directory = await mkdtemp(join(tmpdir(), 'xds-bootstraps-'));
    backends = [await Backend.start('first'), await Backend.start('second')];
    ports = [await freePort(), await freePort()];
    cache = new SnapshotCache();
    await serve('127.0.0.1:0');
  });

  afterEach(async () => {
    await steady?.stop();
    await envoy?.stop();
    await server.close({ graceMs: 500 });
    await Promise.all(backends.map((backend) => backend.stop()));
    await rm(directory, { recursive: true, force: true });
  });

  async function serve(address: string): Promise<void> {
    server = new XdsServer({
      cache,
      credentials: ServerCredentials.createInsecure(),
      hooks: {
        streamOpened: ({ method }) => methods.add(method.split('/').at(-1) ?? ''),
        nacked: ({ rejection }) => nacks.push(rejection.message),
      },
    });
    xdsPort = await server.listen(address);
  }

  /** Writes listeners where this Envoy takes them from. */
  async function set(snapshot: Snapshot): Promise<void> {
    if (delivery !== 'listeners from a file') {
      cache.setSnapshot(nodeId, snapshot);
      return;
    }
    const { [TypeUrl.Listener]: listeners, ...rest } = snapshot;
    cache.setSnapshot(nodeId, rest);
    const resources = [...resourcesOf({ [TypeUrl.Listener]: listeners ?? [] }, TypeUrl.Listener)];
    const response = {
      version_info: resources.map(({ version }) => version).join(),
      resources: resources.map(({ value }) => ({
        '@type': TypeUrl.Listener,
        ...(toJson(ListenerSchema, fromBinary(ListenerSchema, value), { registry }) as object),
      })),
    };
    // Envoy watches for files that are moved to the path.
    await writeFile(join(directory, 'next.json'), JSON.stringify(response));
    await rename(join(directory, 'next.json'), listenersFile());
  }

  function listenersFile(): string {
    return join(directory, 'listeners.json');
  }

  async function start(): Promise<void> {
    envoy = await RealEnvoy.start({
      nodeId,
      xdsPort,
      apiType,
      delivery:
        delivery === 'listeners from a file' ? { listenersFile: listenersFile() } : delivery,
    });
  }

  function one(name: string, at: 0 | 1, mark: string, connectTimeoutMs?: number): Snapshot {
    return {
      [TypeUrl.Cluster]: [cluster(name, connectTimeoutMs, source)],
      [TypeUrl.Endpoint]: [endpoints(name, backends[at].port)],
      [TypeUrl.Listener]: [listener(name, ports[at], { routes: name, source })],
      [TypeUrl.Route]: [routes(name, name, mark)],
    };
  }

  function both(a: Snapshot, b: Snapshot): Snapshot {
    return Object.fromEntries(
      Object.values(TypeUrl).map((typeUrl) => [
        typeUrl,
        [...resourcesOf(a, typeUrl), ...resourcesOf(b, typeUrl)],
      ]),
    );
  }

  async function answers(at: 0 | 1, expected: string): Promise<void> {
    let last = '';
    await eventually(async () => {
      last = await ask(ports[at]).catch(({ code }: NodeJS.ErrnoException) => String(code));
      return last === expected;
    }).catch(({ message }: Error) => {
      throw new Error(`${message}; expected ${expected}, last answer: ${last}; NACKs: ${nacks}`);
    });
  }

  it('serves the first configuration, an update of each type, and a removal', async () => {
    await set(one('a', 0, 'one'));
    await start();
    await answers(0, '200 one first');
    steady = new SteadyRequests(ports[0], '200 one first');
    steady.start();

    // Added beside it, and changed: the route, the endpoints, the cluster, the listener.
    await set(both(one('a', 0, 'one'), one('b', 1, 'one')));
    await answers(1, '200 one second');
    await set(both(one('a', 0, 'one'), one('b', 1, 'two')));
    await answers(1, '200 two second');
    const moved: Snapshot = {
      ...one('b', 1, 'two'),
      [TypeUrl.Endpoint]: [endpoints('b', backends[0].port)],
    };
    await set(both(one('a', 0, 'one'), moved));
    await answers(1, '200 two first');
    await set(both(one('a', 0, 'one'), one('b', 1, 'three', 2_000)));
    await answers(1, '200 three second');
    const elsewhere = await freePort();
    ports[1] = elsewhere;
    await set(both(one('a', 0, 'one'), one('b', 1, 'three', 2_000)));
    await answers(1, '200 three second');

    await set(one('a', 0, 'one'));
    await answers(1, 'ECONNREFUSED');
    await eventually(async () => {
      const names = (await envoy?.configDump())?.filter(({ kind }) => kind === 'cluster');
      return names?.map(({ name }) => name).join() === 'a';
    });
    await steady.stop();
    expect(steady.wrong).toEqual([]);
    expect(steady.count).toBeGreaterThan(10);
    expect(nacks).toEqual([]);
    const expected = {
      aggregated: ['AggregatedResources'],
      separate: ['Clusters', 'Endpoints', 'Listeners', 'Routes'],
      'listeners from a file': ['AggregatedResources'],
    }[delivery].map((name) => `${apiType === 'GRPC' ? 'Stream' : 'Delta'}${name}`);
    expect([...methods].sort()).toEqual(expected);
  });

  it('goes on without its control plane, and follows the next one', async () => {
    await set(both(one('a', 0, 'one'), one('b', 1, 'one')));
    await start();
    await answers(0, '200 one first');
    await answers(1, '200 one second');
    steady = new SteadyRequests(ports[0], '200 one first');
    steady.start();
    await server.close({ graceMs: 0 });
    expect(await ask(ports[1])).toBe('200 one second');

    // While it was away a route has changed; its cache is filled before it listens.
    cache = new SnapshotCache();
    await set(both(one('a', 0, 'one'), one('b', 1, 'two')));
    await serve(`127.0.0.1:${xdsPort}`);
    await answers(1, '200 two second');
    await set(one('a', 0, 'one'));
    await answers(1, 'ECONNREFUSED');
    await steady.stop();
    expect(steady.wrong).toEqual([]);
    expect(nacks).toEqual([]);
  });
});
