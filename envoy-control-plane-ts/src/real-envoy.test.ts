import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { PermissionDenied } from './errors.js';
import type { NackEvent } from './hooks.js';
import type { TypedResource } from './resource.js';
import { resourcesOf, type Snapshot, SnapshotCache } from './snapshot-cache.js';
import type { ResourceStatus } from './status.js';
import { TestAuthority } from './testing/certificates.js';
import { dumpedLines, linesOf } from './testing/dump-comparison.js';
import {
  badCluster,
  badRoutes,
  cluster,
  endpoints,
  listener,
  rbac,
  routes,
} from './testing/hello-resources.js';
import { eventually, freePort, RealEnvoy } from './testing/real-envoy.js';
import { TypeUrl } from './type-url.js';
import { XdsServer } from './xds-server.js';
import type { XdsServerOptions } from './xds-server-options.js';

const nodeId = 'node-1';

function all(snapshot: Snapshot): TypedResource[] {
  return Object.values(TypeUrl).flatMap((typeUrl) => [...resourcesOf(snapshot, typeUrl)]);
}

jest.setTimeout(60_000);

describe.each(['DELTA_GRPC', 'GRPC'] as const)('a real Envoy over %s', (apiType) => {
  const isDelta = apiType === 'DELTA_GRPC';
  let cache: SnapshotCache;
  let server: XdsServer;
  let xdsPort: number;
  let envoy: RealEnvoy | undefined;
  let backend: Server;
  let backendPort: number;
  let port: number;
  let directory: string;
  let sent: string[];
  let nacks: NackEvent[];

  beforeEach(async () => {
    sent = [];
    nacks = [];
    cache = new SnapshotCache();
    directory = await mkdtemp(join(tmpdir(), 'xds-test-'));
    backend = createServer((_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
    backendPort = (backend.address() as AddressInfo).port;
    port = await freePort();
    cache.setSnapshot(nodeId, hello());
  });

  afterEach(async () => {
    await envoy?.stop();
    await server.close({ graceMs: 500 });
    backend.closeAllConnections();
    await new Promise((resolve) => backend.close(resolve));
    await rm(directory, { recursive: true, force: true });
  });

  async function serve(address = '127.0.0.1:0', options: Partial<XdsServerOptions> = {}) {
    server = new XdsServer({
      cache,
      credentials: ServerCredentials.createInsecure(),
      hooks: {
        responded: ({ typeUrl, update }) => {
          const names = update.resources.map(({ name }) => name).sort();
          sent.push([typeUrl.split('.').at(-1), ...names].join(' '));
        },
        nacked: (nack) => nacks.push(nack),
      },
      ...options,
    });
    xdsPort = await server.listen(address);
  }

  async function start(): Promise<RealEnvoy> {
    await serve();
    envoy = await RealEnvoy.start({ nodeId, xdsPort, apiType });
    await answers('200 one hello');
    await settled();
    return envoy;
  }

  /** Two listeners share a route, a cluster each way, and one filter by ECDS. */
  function hello(mark = 'one'): Snapshot {
    return {
      [TypeUrl.Cluster]: [cluster('hello'), cluster('spare')],
      [TypeUrl.Endpoint]: [endpoints('hello', backendPort), endpoints('spare', backendPort)],
      [TypeUrl.Listener]: [listener('front', port, { routes: 'r', rbac: 'guard' })],
      [TypeUrl.Route]: [routes('r', 'hello', mark)],
      [TypeUrl.ExtensionConfig]: [rbac('guard', true)],
    };
  }

  /** What a client of the data plane sees: status, version of the route, body. */
  function ask(agent?: Agent): Promise<string> {
    return new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, agent: agent ?? false }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        response.on('end', () =>
          resolve(`${response.statusCode} ${response.headers['x-route'] ?? '-'} ${body}`),
        );
      }).on('error', reject);
    });
  }

  async function answers(expected: string): Promise<void> {
    let last = '';
    await eventually(async () => {
      last = await ask();
      return last === expected || undefined;
    }).catch((error: Error) => {
      throw new Error(`${error.message}; last answer: ${last}`);
    });
  }

  /** The server has heard the answer to everything that it has sent. */
  function settled(): Promise<true> {
    return eventually(() => {
      const all = resourceStatuses();
      const open = all.filter(
        ({ sent: out, acked, nack }) =>
          out !== undefined && acked?.version !== out.version && nack === undefined,
      );
      return (all.length > 0 && open.length === 0) || undefined;
    });
  }

  function resourceStatuses(): ResourceStatus[] {
    return server.status().flatMap(({ types }) => types.flatMap(({ resources }) => resources));
  }

  it('has exactly the snapshot: /config_dump, decoded, is what was sent', async () => {
    const started = await start();
    expect(dumpedLines(await started.configDump())).toEqual(linesOf(all(hello())));
    // One response for each type: nothing is sent twice.
    const types = sent.map((line) => line.split(' ')[0]);
    expect(types.sort()).toEqual([
      'Cluster',
      'ClusterLoadAssignment',
      'Listener',
      'RouteConfiguration',
      'TypedExtensionConfig',
    ]);

    const changed: Snapshot = {
      ...hello('two'),
      [TypeUrl.Cluster]: [cluster('hello', 1_500)],
      [TypeUrl.Endpoint]: [endpoints('hello', backendPort)],
      [TypeUrl.ExtensionConfig]: [rbac('guard', false)],
    };
    cache.setSnapshot(nodeId, changed);
    await answers('403 two RBAC: access denied');
    const expected = linesOf(all(changed));
    await eventually(async () => {
      const dump = dumpedLines(await started.configDump());
      return JSON.stringify(dump) === JSON.stringify(expected) || undefined;
    }, 3_000);
    expect(await started.stat('listener_manager.listener_modified')).toBe(0);
    expect(nacks).toEqual([]);
  });

  it('sends one changed resource, and only it', async () => {
    await start();
    sent = [];
    cache.setSnapshot(nodeId, hello('two'));
    await answers('200 two hello');
    expect(sent).toEqual(['RouteConfiguration r']);
  });

  it('has a changed cluster ready at once, although its endpoints are the same', async () => {
    const started = await start();
    sent = [];
    const before = Date.now();
    cache.setSnapshot(nodeId, {
      ...hello(),
      [TypeUrl.Cluster]: [cluster('hello', 2_000), cluster('spare')],
    });
    await eventually(async () => {
      const clusters = (await started.configDump()).filter(({ kind }) => kind === 'cluster');
      const ready = clusters.some(
        ({ name, state, json }) =>
          name === 'hello' && state === 'active' && json.connect_timeout === '2s',
      );
      return ready || undefined;
    });
    expect(Date.now() - before).toBeLessThan(3_000);
    expect(sent).toEqual([
      isDelta ? 'Cluster hello' : 'Cluster hello spare',
      'ClusterLoadAssignment hello',
    ]);
  });

  it('loses no request while routes move between clusters that come and go', async () => {
    await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const seen = new Map<string, number>();
    let running = true;
    const load = Array.from({ length: 4 }, async () => {
      while (running) {
        const answer = await ask(agent).catch((error: Error) => `failed: ${error.message}`);
        seen.set(answer, (seen.get(answer) ?? 0) + 1);
        await sleep(1);
      }
    });
    for (let round = 1; round <= 15; round += 1) {
      const name = `c${round}`;
      cache.setSnapshot(nodeId, {
        ...hello(),
        [TypeUrl.Cluster]: [cluster(name)],
        [TypeUrl.Endpoint]: [endpoints(name, backendPort)],
        [TypeUrl.Route]: [routes('r', name, name)],
      });
      await answers(`200 ${name} hello`);
    }
    running = false;
    await Promise.all(load);
    agent.destroy();
    const failed = [...seen].filter(([answer]) => !answer.startsWith('200 '));
    expect(failed).toEqual([]);
    expect([...seen.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(100);
    expect(nacks).toEqual([]);
  });

  it('keeps the last good version of a rejected route, reports it, and gets every other', async () => {
    const ports = [await freePort(), await freePort(), await freePort()];
    const both = (one: Snapshot[typeof TypeUrl.Route]): Snapshot => ({
      ...hello(),
      [TypeUrl.Listener]: [
        listener('front', port, { routes: 'r', rbac: 'guard' }),
        ...['s', 't', 'u'].map((name, at) => listener(name, ports[at] ?? 0, { routes: name })),
      ],
      ...(one && { [TypeUrl.Route]: one }),
    });
    cache.setSnapshot(
      nodeId,
      both(['r', 's', 't', 'u'].map((name) => routes(name, 'hello', name === 'r' ? 'one' : name))),
    );
    const started = await start();
    const bad = badRoutes('s');
    const good = ['r', 't', 'u'].map((name) => routes(name, 'spare', 'two'));
    cache.setSnapshot(nodeId, both([bad, ...good]));
    await answers('200 two hello');
    await eventually(() => nacks.find(({ retried }) => !retried));
    await settled();

    const statuses = resourceStatuses();
    const ofS = statuses.find(({ name, nack }) => name === 's' && nack !== undefined);
    expect(ofS).toMatchObject({
      acked: { version: routes('s', 'hello', 's').version },
      sent: { version: bad.version },
      nack: { version: bad.version, detail: expect.stringMatching(/same\.example/) },
    });
    expect(statuses.filter(({ nack }) => nack !== undefined)).toHaveLength(1);
    const dump = await started.configDump();
    const marks = dump
      .filter(({ kind }) => kind === 'route')
      .map(({ name, json }) => `${name} ${JSON.stringify(json).includes('"two"') ? 'two' : 'old'}`);
    expect(marks.sort()).toEqual(['r two', 's old', 't two', 'u two']);

    // It is not tried again until it changes.
    const before = sent.length;
    await sleep(300);
    expect(sent.length).toBe(before);
    cache.setSnapshot(nodeId, both([routes('s', 'hello', 'mended'), ...good]));
    await eventually(() => resourceStatuses().every(({ nack }) => nack === undefined) || undefined);
    await settled();
  });

  it('takes the good clusters beside a rejected one', async () => {
    const started = await start();
    cache.setSnapshot(nodeId, {
      ...hello('two'),
      [TypeUrl.Cluster]: [cluster('hello'), cluster('spare'), badCluster('bad'), cluster('new')],
      [TypeUrl.Endpoint]: [
        ...resourcesOf(hello(), TypeUrl.Endpoint),
        endpoints('bad', backendPort),
        endpoints('new', backendPort),
      ],
    });
    await answers('200 two hello');
    await eventually(() => nacks.find(({ retried }) => !retried));
    await settled();
    const rejected = resourceStatuses().filter(({ nack }) => nack !== undefined);
    expect(rejected.map(({ name }) => name)).toEqual(['bad']);
    expect(rejected[0]?.nack?.detail).toMatch(/eds_cluster_config|EDS/i);
    const clusters = (await started.configDump()).filter(({ kind }) => kind === 'cluster');
    expect(clusters.map(({ name }) => name).sort()).toEqual(['hello', 'new', 'spare']);
  });

  it('goes on without its control plane, and is sent nothing when that is back', async () => {
    const started = await start();
    const address = `127.0.0.1:${xdsPort}`;
    await server.close({ graceMs: 0 });
    expect(await ask()).toBe('200 one hello');
    await eventually(async () =>
      (await started.stat('control_plane.connected_state')) === 0 ? true : undefined,
    );
    sent = [];
    // A new process: a new cache, filled with resources that are encoded anew.
    cache = new SnapshotCache();
    await serve(address);
    await eventually(() => server.status().length === 1 || undefined);
    await sleep(100);
    expect(sent).toEqual([]);
    cache.setSnapshot(nodeId, hello());
    await eventually(() => {
      const acked = resourceStatuses().filter((status) => status.acked !== undefined);
      return acked.length === 7 || undefined;
    });
    await sleep(100);
    // State of the world: a client that names what it wants cannot say that it has it.
    expect(sent.sort()).toEqual(
      isDelta
        ? []
        : [
            'ClusterLoadAssignment hello spare',
            'RouteConfiguration r',
            'TypedExtensionConfig guard',
          ],
    );
    expect(await ask()).toBe('200 one hello');
    cache.setSnapshot(nodeId, hello('after'));
    await answers('200 after hello');
  });

  it('is let in over mTLS by the name in its certificate, and kept out by it', async () => {
    const authority = await TestAuthority.create();
    const own = await authority.issue({ dns: 'localhost' });
    await serve('127.0.0.1:0', {
      credentials: ServerCredentials.createSsl(
        Buffer.from(authority.roots),
        [{ cert_chain: Buffer.from(own.certificate), private_key: Buffer.from(own.key) }],
        true,
      ),
      authorize: ({ peer, node }) => {
        if (!peer.uris.includes(`spiffe://test/${node.id}`)) {
          throw new PermissionDenied(`${peer.uris} may not be ${node.id}`);
        }
      },
    });
    const identity = await authority.issue({ uri: `spiffe://test/${nodeId}` });
    const tls = {
      certificate: join(directory, 'certificate.pem'),
      key: join(directory, 'key.pem'),
      roots: join(directory, 'roots.pem'),
    };
    await writeFile(tls.certificate, identity.certificate);
    await writeFile(tls.key, identity.key);
    await writeFile(tls.roots, authority.roots);
    envoy = await RealEnvoy.start({ nodeId, xdsPort, apiType, tls });
    await answers('200 one hello');
    cache.setSnapshot('other', hello());
    const other = await RealEnvoy.start({ nodeId: 'other', xdsPort, apiType, tls });
    try {
      await eventually(
        async () => (await other.stat('cluster.xds.upstream_rq_total')) > 1 || undefined,
      );
      expect(server.status().map((status) => status.nodeId)).toEqual([nodeId]);
      expect((await other.configDump()).filter(({ kind }) => kind === 'cluster')).toEqual([]);
    } finally {
      await other.stop();
    }
  });
});
