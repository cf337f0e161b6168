import { setTimeout as sleep } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { credentials, ServerCredentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { PermissionDenied } from './errors.js';
import { ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.js';
import type { Hooks, RefusalEvent } from './hooks.js';
import { type Snapshot, SnapshotCache } from './snapshot-cache.js';
import { TestAuthority } from './testing/certificates.js';
import { badCluster, cluster, endpoints, listener, routes } from './testing/hello-resources.js';
import { eventually } from './testing/real-envoy.js';
import { deltaClient, sotwClient } from './testing/xds-client.js';
import { TypeUrl } from './type-url.js';
import { XdsServer } from './xds-server.js';
import type { XdsServerOptions } from './xds-server-options.js';

const node = { id: 'node-1' };

jest.setTimeout(30_000);

describe('XdsServer', () => {
  let cache: SnapshotCache;
  const open: { close(): void }[] = [];
  const servers: XdsServer[] = [];

  beforeEach(() => {
    cache = new SnapshotCache();
  });

  afterEach(async () => {
    for (const client of open.splice(0)) {
      client.close();
    }
    await Promise.all(servers.splice(0).map((server) => server.close({ graceMs: 200 })));
  });

  async function serve(options: Partial<XdsServerOptions> = {}) {
    const insecure = ServerCredentials.createInsecure();
    const server = new XdsServer({ cache, credentials: insecure, ...options });
    servers.push(server);
    return { server, port: await server.listen('127.0.0.1:0') };
  }

  function opened<Client extends { close(): void }>(client: Client): Client {
    open.push(client);
    return client;
  }

  const full = (mark = 'one'): Snapshot => ({
    [TypeUrl.Cluster]: [cluster('a')],
    [TypeUrl.Endpoint]: [endpoints('a', 1)],
    [TypeUrl.Listener]: [listener('l', 2, { routes: 'r' })],
    [TypeUrl.Route]: [routes('r', 'a', mark)],
  });

  it('sends resources byte for byte as they were encoded, in both variants', async () => {
    const { port } = await serve();
    const made = cluster('a');
    cache.setSnapshot('node-1', { [TypeUrl.Cluster]: [made] });

    const delta = opened(deltaClient(port));
    delta.send({ node, typeUrl: TypeUrl.Cluster });
    const [sent] = (await delta.response(1)).resources;
    expect(sent).toMatchObject({ name: 'a', version: made.version });
    expect(sent?.resource?.typeUrl).toBe(TypeUrl.Cluster);
    expect(Buffer.from(sent?.resource?.value ?? [])).toEqual(Buffer.from(made.value));

    const sotw = opened(sotwClient(port));
    sotw.send({ node, typeUrl: TypeUrl.Cluster });
    const response = await sotw.response(1);
    expect(response.typeUrl).toBe(TypeUrl.Cluster);
    expect(response.versionInfo).toBe(cache.get('node-1', TypeUrl.Cluster)?.version);
    expect(response.resources.map((any) => fromBinary(ClusterSchema, any.value).name)).toEqual([
      'a',
    ]);
  });

  it('serves each type on a stream of its own, and refuses another type there', async () => {
    const { port } = await serve();
    cache.setSnapshot('node-1', full());
    const eds = opened(
      deltaClient(port, undefined, 'endpoint.v3.EndpointDiscoveryService/DeltaEndpoints'),
    );
    eds.send({ node, resourceNamesSubscribe: ['a'] });
    expect((await eds.response(1)).resources.map(({ name }) => name)).toEqual(['a']);
    eds.send({ typeUrl: TypeUrl.Cluster });
    expect(await eds.failure()).toMatchObject({ code: status.INVALID_ARGUMENT });

    const lds = opened(
      sotwClient(port, undefined, 'listener.v3.ListenerDiscoveryService/StreamListeners'),
    );
    lds.send({ node });
    expect((await lds.response(1)).resources).toHaveLength(1);
  });

  it('needs a node id in the first request only', async () => {
    const { port } = await serve();
    cache.setSnapshot('node-1', full());
    const nameless = opened(deltaClient(port));
    nameless.send({ node: { id: '' }, typeUrl: TypeUrl.Cluster });
    expect(await nameless.failure()).toMatchObject({ code: status.INVALID_ARGUMENT });

    const named = opened(deltaClient(port));
    named.send({ node, typeUrl: TypeUrl.Cluster });
    const { nonce: responseNonce } = await named.response(1);
    named.send({ typeUrl: TypeUrl.Cluster, responseNonce });
    named.send({ typeUrl: TypeUrl.Listener });
    expect((await named.response(2)).typeUrl).toBe(TypeUrl.Listener);
  });

  it('ends a stream whose request cannot be read, and no other', async () => {
    const { port } = await serve();
    cache.setSnapshot('node-1', full());
    const good = opened(deltaClient(port));
    good.send({ node, typeUrl: TypeUrl.Cluster });
    const bad = opened(deltaClient(port));
    bad.sendRaw(Buffer.from('not a message at all'));
    expect(await bad.failure()).toMatchObject({ code: status.INVALID_ARGUMENT });
    await good.response(1);
    cache.setSnapshot('node-1', { [TypeUrl.Cluster]: [cluster('b')] });
    await good.response(2);
  });

  it('ignores types that it does not serve', async () => {
    const { port } = await serve();
    cache.setSnapshot('node-1', full());
    const client = opened(deltaClient(port));
    client.send({ node, typeUrl: 'type.googleapis.com/some.Other' });
    client.send({ typeUrl: TypeUrl.Cluster });
    expect((await client.response(1)).typeUrl).toBe(TypeUrl.Cluster);
  });

  it('tells the authorizer the node and, with mTLS, the verified certificate', async () => {
    const authority = await TestAuthority.create();
    const identity = await authority.issue({ dns: 'localhost' });
    const clientIdentity = await authority.issue({ uri: 'spiffe://example/service/fare' });
    const roots = Buffer.from(authority.roots);
    const refused: RefusalEvent[] = [];
    const { port } = await serve({
      hooks: { streamRefused: (event) => refused.push(event) },
      credentials: ServerCredentials.createSsl(
        roots,
        [{ cert_chain: Buffer.from(identity.certificate), private_key: Buffer.from(identity.key) }],
        true,
      ),
      authorize: async ({ peer, node: { id } }) => {
        await sleep(5);
        if (!peer.uris.some((uri) => uri.endsWith(`/${id}`))) {
          throw new PermissionDenied(`${peer.uris} is not ${id}`);
        }
      },
    });
    cache.setSnapshot('fare', full());
    const channel = credentials.createSsl(
      roots,
      Buffer.from(clientIdentity.key),
      Buffer.from(clientIdentity.certificate),
    );
    const own = opened(deltaClient(port, channel));
    own.send({ node: { id: 'fare' }, typeUrl: TypeUrl.Cluster });
    own.send({ typeUrl: TypeUrl.Endpoint, resourceNamesSubscribe: ['a'] });
    await own.response(2);
    const other = opened(deltaClient(port, channel));
    other.send({ node: { id: 'pay' }, typeUrl: TypeUrl.Cluster });
    expect(await other.failure()).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: 'spiffe://example/service/fare is not pay',
    });
    expect(refused).toMatchObject([
      {
        node: { id: 'pay' },
        error: expect.any(PermissionDenied),
        peer: { uris: ['spiffe://example/service/fare'] },
      },
    ]);
    const stranger = opened(deltaClient(port, credentials.createSsl(roots)));
    stranger.send({ node: { id: 'fare' }, typeUrl: TypeUrl.Cluster });
    expect(await stranger.failure()).toMatchObject({ code: status.UNAVAILABLE });
  });

  it('fails closed, without telling why, when the authorizer breaks', async () => {
    const { port } = await serve({
      authorize: () => {
        throw new Error('secret');
      },
    });
    const warnings = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    cache.setSnapshot('node-1', full());
    const client = opened(deltaClient(port));
    client.send({ node, typeUrl: TypeUrl.Cluster });
    const failure = await client.failure();
    expect(failure).toMatchObject({ code: status.INTERNAL });
    expect(failure.details).not.toContain('secret');
    expect(client.responses).toEqual([]);
    expect(warnings).toHaveBeenCalledWith('secret', expect.anything());
    warnings.mockRestore();
  });

  it('makes before it breaks: routes wait for the answer to clusters, removals come last', async () => {
    const { port } = await serve();
    cache.setSnapshot('node-1', full());
    const client = opened(deltaClient(port));
    client.send({ node, typeUrl: TypeUrl.Cluster });
    const first = await client.response(1);
    client.send({ typeUrl: TypeUrl.Cluster, responseNonce: first.nonce });
    client.send({ typeUrl: TypeUrl.Route, resourceNamesSubscribe: ['r'] });
    const second = await client.response(2);
    client.send({ typeUrl: TypeUrl.Route, responseNonce: second.nonce });
    await sleep(20);

    cache.setSnapshot('node-1', {
      [TypeUrl.Cluster]: [cluster('b')],
      [TypeUrl.Route]: [routes('r', 'b')],
    });
    const clusters = await client.response(3);
    expect(clusters.resources.map(({ name }) => name)).toEqual(['b']);
    expect(clusters.removedResources).toEqual([]);
    await sleep(50);
    expect(client.responses).toHaveLength(3);
    client.send({ typeUrl: TypeUrl.Cluster, responseNonce: clusters.nonce });
    const routeUpdate = await client.response(4);
    expect(routeUpdate.typeUrl).toBe(TypeUrl.Route);
    await sleep(50);
    expect(client.responses).toHaveLength(4);
    client.send({ typeUrl: TypeUrl.Route, responseNonce: routeUpdate.nonce });
    expect(await client.response(5)).toMatchObject({
      typeUrl: TypeUrl.Cluster,
      removedResources: ['a'],
    });
  });

  it('does not wait for ever for an answer', async () => {
    const { port } = await serve({ phaseWaitMs: 50 });
    cache.setSnapshot('node-1', full());
    const client = opened(deltaClient(port));
    client.send({ node, typeUrl: TypeUrl.Cluster });
    await client.response(1);
    client.send({ typeUrl: TypeUrl.Route, resourceNamesSubscribe: ['r'] });
    expect((await client.response(2)).typeUrl).toBe(TypeUrl.Route);
  });

  it('sends endpoints again after their cluster has changed, since Envoy waits for them', async () => {
    const { port } = await serve();
    cache.setSnapshot('node-1', full());
    const client = opened(deltaClient(port));
    client.send({ node, typeUrl: TypeUrl.Cluster });
    await client.response(1);
    client.send({ typeUrl: TypeUrl.Endpoint, resourceNamesSubscribe: ['a'] });
    await client.response(2);
    cache.setSnapshot('node-1', { ...full(), [TypeUrl.Cluster]: [cluster('a', 2_000)] });
    expect((await client.response(3)).typeUrl).toBe(TypeUrl.Cluster);
    expect(await client.response(4)).toMatchObject({ typeUrl: TypeUrl.Endpoint });

    const again = opened(deltaClient(port));
    again.send({
      node,
      typeUrl: TypeUrl.Cluster,
      initialResourceVersions: { a: cluster('a').version },
    });
    await again.response(1);
    again.send({
      typeUrl: TypeUrl.Endpoint,
      resourceNamesSubscribe: ['a'],
      initialResourceVersions: { a: endpoints('a', 1).version },
    });
    expect((await again.response(2)).resources.map(({ name }) => name)).toEqual(['a']);
  });

  it('skips states that a slow client has no time for', async () => {
    const { port } = await serve();
    const large = (count: number): Snapshot => ({
      [TypeUrl.Cluster]: [cluster(`c-${'x'.repeat(200_000)}`, 1_000 + count)],
    });
    cache.setSnapshot('node-1', large(0));
    const client = opened(deltaClient(port));
    client.send({ node, typeUrl: TypeUrl.Cluster });
    await client.response(1);
    client.pause();
    for (let count = 1; count <= 60; count += 1) {
      cache.setSnapshot('node-1', large(count));
      await sleep(3);
    }
    const last = cache.get('node-1', TypeUrl.Cluster)?.resources.values().next().value?.version;
    client.resume();
    await eventually(() => client.responses.at(-1)?.resources[0]?.version === last || undefined);
    // The client library itself takes in some 16 messages before it stops reading.
    expect(client.responses.length).toBeLessThan(30);
  });

  it('sends several changes of one turn as one response', async () => {
    const { port } = await serve();
    cache.setSnapshot('node-1', full());
    const client = opened(deltaClient(port));
    client.send({ node, typeUrl: TypeUrl.Cluster });
    await client.response(1);
    for (const timeout of [2_000, 3_000, 4_000]) {
      cache.setSnapshot('node-1', { [TypeUrl.Cluster]: [cluster('a', timeout)] });
    }
    await client.response(2);
    await sleep(50);
    expect(client.responses).toHaveLength(2);
    expect(client.responses[1]?.resources[0]?.version).toBe(cluster('a', 4_000).version);
  });

  it('splits what is too large for one response', async () => {
    const { port } = await serve({ responseBytesMax: 60 });
    cache.setSnapshot('node-1', {
      [TypeUrl.Cluster]: ['a', 'b', 'c', 'd', 'e'].map((name) => cluster(name)),
    });
    const client = opened(deltaClient(port));
    client.send({ node, typeUrl: TypeUrl.Cluster });
    const names = () => client.responses.flatMap((one) => one.resources.map(({ name }) => name));
    await eventually(() => names().length === 5 || undefined);
    expect(client.responses.length).toBeGreaterThan(1);
    expect(names()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('reports what was sent, acknowledged and rejected, and calls the hooks', async () => {
    const said: string[] = [];
    const hooks: Hooks = {
      streamOpened: ({ node: { id } }) => said.push(`opened ${id}`),
      request: ({ names }) => said.push(`request ${names}`),
      responded: ({ update }) => said.push(`responded ${update.resources.map((r) => r.name)}`),
      acked: ({ nonce }) => said.push(`acked ${nonce}`),
      nacked: ({ nonce, rejection: { message }, retried }) =>
        said.push(`nacked ${nonce} ${message} ${retried}`),
      statusChanged: () => {
        throw new Error('a hook that throws does no harm');
      },
      streamClosed: ({ node: { id } }) => said.push(`closed ${id}`),
    };
    const warnings = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { server, port } = await serve({ hooks });
    const [good, bad] = [cluster('good'), badCluster('bad')];
    cache.setSnapshot('node-1', { [TypeUrl.Cluster]: [good] });
    const client = deltaClient(port);
    client.send({ node, typeUrl: TypeUrl.Cluster });
    const first = await client.response(1);
    client.send({ typeUrl: TypeUrl.Cluster, responseNonce: first.nonce });
    await eventually(() => said.includes('acked 1') || undefined);
    cache.setSnapshot('node-1', { [TypeUrl.Cluster]: [good, bad] });
    const second = await client.response(2);
    client.send({
      typeUrl: TypeUrl.Cluster,
      responseNonce: second.nonce,
      errorDetail: { code: 13, message: 'no endpoints' },
    });
    await eventually(() => said.includes('nacked 2 no endpoints false') || undefined);
    const time = expect.any(Number);
    expect(server.status()).toEqual([
      {
        nodeId: 'node-1',
        streamId: expect.any(Number),
        variant: 'delta',
        types: [
          {
            typeUrl: TypeUrl.Cluster,
            subscribed: ['*'],
            resources: [
              {
                name: 'good',
                sent: { version: good.version, time },
                acked: { version: good.version, time },
              },
              {
                name: 'bad',
                sent: { version: bad.version, time },
                nack: { version: bad.version, detail: 'no endpoints', time },
              },
            ],
          },
        ],
      },
    ]);
    client.close();
    await eventually(() => said.includes('closed node-1') || undefined);
    expect(server.status()).toEqual([]);
    expect(said).toEqual([
      'opened node-1',
      'request *',
      'responded good',
      'acked 1',
      'request *',
      'responded bad',
      'nacked 2 no endpoints false',
      'request *',
      'closed node-1',
    ]);
    expect(warnings).toHaveBeenCalledWith(
      'a hook that throws does no harm',
      expect.objectContaining({ type: 'XdsHookWarning' }),
    );
    warnings.mockRestore();
  });

  it('knows what a reconnecting client holds without sending it', async () => {
    const { server, port } = await serve();
    const snapshot = full();
    const client = opened(deltaClient(port));
    const { version } = cluster('a');
    client.send({ node, typeUrl: TypeUrl.Cluster, initialResourceVersions: { a: version } });
    await eventually(() => server.status().length === 1 || undefined);
    cache.setSnapshot('node-1', snapshot);
    await eventually(() => server.status()[0]?.types[0]?.resources.length === 1 || undefined);
    expect(server.status()[0]?.types[0]?.resources).toEqual([
      { name: 'a', acked: { version, time: expect.any(Number) } },
    ]);
    expect(client.responses).toEqual([]);
  });

  it('leaves clients what they have when a snapshot is cleared', async () => {
    const { port } = await serve();
    cache.setSnapshot('node-1', full());
    const client = opened(deltaClient(port));
    client.send({ node, typeUrl: TypeUrl.Cluster });
    await client.response(1);
    cache.clearSnapshot('node-1');
    client.send({ typeUrl: TypeUrl.Listener });
    await sleep(50);
    expect(client.responses).toHaveLength(1);
  });

  it('ends streams on close and takes no more', async () => {
    const { server, port } = await serve();
    cache.setSnapshot('node-1', full());
    const client = opened(deltaClient(port));
    client.send({ node, typeUrl: TypeUrl.Cluster });
    await client.response(1);
    const started = Date.now();
    await server.close({ graceMs: 5_000 });
    expect(Date.now() - started).toBeLessThan(2_000);
    expect(await client.failure()).toMatchObject({ code: status.UNAVAILABLE });
    const late = opened(deltaClient(port));
    late.send({ node, typeUrl: TypeUrl.Cluster });
    expect(await late.failure()).toMatchObject({ code: status.UNAVAILABLE });
  });

  it('cuts, after the grace, what does not end', async () => {
    const { server, port } = await serve();
    const client = opened(deltaClient(port));
    client.send({ node, typeUrl: TypeUrl.Cluster });
    await eventually(() => server.status().length === 1 || undefined);
    client.pause();
    await server.close({ graceMs: 50 });
    expect(server.status()).toEqual([]);
  });
});
