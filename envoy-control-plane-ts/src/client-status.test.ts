import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  Client,
  credentials,
  status as grpcStatus,
  ServerCredentials,
  type ServiceError,
} from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { PermissionDenied } from './errors.js';
import { ClientResourceStatus } from './gen/envoy/admin/v3/config_dump_shared_pb.js';
import {
  type ClientConfig,
  type ClientStatusRequest,
  ClientStatusRequestSchema,
  ClientStatusResponseSchema,
  ConfigStatus,
} from './gen/envoy/service/status/v3/csds_pb.js';
import { SnapshotCache } from './snapshot-cache.js';
import { badCluster, cluster, endpoints, listener, routes } from './testing/hello-resources.js';
import { eventually, freePort, RealEnvoy } from './testing/real-envoy.js';
import { deltaClient } from './testing/xds-client.js';
import { TypeUrl } from './type-url.js';
import { XdsServer } from './xds-server.js';
import type { StatusAuthorizer } from './xds-server-options.js';

const SERVICE = '/envoy.service.status.v3.ClientStatusDiscoveryService';
type Ask = MessageInitShape<typeof ClientStatusRequestSchema>;

jest.setTimeout(60_000);

describe('client status discovery', () => {
  let cache: SnapshotCache;
  let server: XdsServer;
  let client: Client;
  let xdsPort: number;
  const envoys: RealEnvoy[] = [];

  beforeEach(() => {
    cache = new SnapshotCache();
  });

  afterEach(async () => {
    client.close();
    await Promise.all(envoys.splice(0).map((envoy) => envoy.stop()));
    await server.close({ graceMs: 500 });
  });

  async function serve({
    authorizeStatus = () => undefined,
  }: {
    authorizeStatus?: StatusAuthorizer | 'nobody';
  } = {}) {
    server = new XdsServer({
      cache,
      credentials: ServerCredentials.createInsecure(),
      ...(authorizeStatus !== 'nobody' && { authorizeStatus }),
    });
    xdsPort = await server.listen('127.0.0.1:0');
    client = new Client(`127.0.0.1:${xdsPort}`, credentials.createInsecure());
  }

  function fetchStatus(ask: Ask = {}): Promise<ClientConfig[]> {
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        `${SERVICE}/FetchClientStatus`,
        encode,
        (bytes) => fromBinary(ClientStatusResponseSchema, bytes),
        create(ClientStatusRequestSchema, ask),
        (error, response) => (error ? reject(error) : resolve(response?.config ?? [])),
      );
    });
  }

  /** `<kind> <name> <config status> <client status>` of one node. */
  async function lines(id: string): Promise<string[]> {
    const [config] = await fetchStatus(onlyNode(id));
    return (config?.genericXdsConfigs ?? []).map(
      ({ typeUrl, name, configStatus, clientStatus }) =>
        `${typeUrl.split('.').at(-1)} ${name} ${ConfigStatus[configStatus]} ${ClientResourceStatus[clientStatus]}`,
    );
  }

  it('says what a real Envoy has taken, refused and not been sent', async () => {
    const port = await freePort();
    await serve();
    const good = {
      [TypeUrl.Endpoint]: [endpoints('a', port)],
      [TypeUrl.Listener]: [listener('l', port, { routes: 'r' })],
      [TypeUrl.Route]: [routes('r', 'a', 'one')],
    };
    cache.setSnapshot('node-1', { ...good, [TypeUrl.Cluster]: [cluster('a')] });
    cache.setSnapshot('node-2', { [TypeUrl.Cluster]: [cluster('a')] });
    const before = await lines('node-1');
    expect(before).toContain('Cluster a UNKNOWN UNKNOWN');
    expect(before).toHaveLength(4);

    envoys.push(await RealEnvoy.start({ nodeId: 'node-1', xdsPort, apiType: 'DELTA_GRPC' }));
    await eventually(async () => {
      expect(await lines('node-1')).toEqual([
        'Cluster a SYNCED ACKED',
        'ClusterLoadAssignment a SYNCED ACKED',
        'Listener l SYNCED ACKED',
        'RouteConfiguration r SYNCED ACKED',
      ]);
      return true;
    });
    const [synced] = await fetchStatus(onlyNode('node-1'));
    expect(synced?.node).toMatchObject({ id: 'node-1', cluster: 'test', userAgentName: 'envoy' });
    const [held] = synced?.genericXdsConfigs ?? [];
    const made = cluster('a');
    expect(held).toMatchObject({ versionInfo: made.version, isStaticResource: false });
    expect(Buffer.from(held?.xdsConfig?.value ?? [])).toEqual(Buffer.from(made.value));
    expect(held?.errorState).toBeUndefined();
    expect(Date.now() - timestampMs(held?.lastUpdated ?? fail())).toBeLessThan(60_000);

    const bad = badCluster('b');
    cache.setSnapshot('node-1', { ...good, [TypeUrl.Cluster]: [cluster('a'), bad] });
    await eventually(async () => {
      expect(await lines('node-1')).toContain('Cluster b ERROR NACKED');
      return true;
    });
    const [refused] = await fetchStatus(onlyNode('node-1'));
    expect(await lines('node-1')).toContain('Cluster a SYNCED ACKED');
    const failure = refused?.genericXdsConfigs.find(({ name }) => name === 'b');
    expect(failure?.errorState).toMatchObject({ versionInfo: bad.version });
    expect(failure?.errorState?.details).toContain('b');
    expect(timestampMs(failure?.errorState?.lastUpdateAttempt ?? fail())).toBeGreaterThan(0);

    cache.setSnapshot('node-1', { ...good, [TypeUrl.Cluster]: [cluster('a')] });
    await eventually(async () => ((await lines('node-1')).length === 4 ? true : undefined));
  });

  it('tells requested, sent, taken and missing resources apart', async () => {
    await serve();
    const stream = deltaClient(xdsPort);
    stream.send({ node: { id: 'n' }, typeUrl: TypeUrl.Route, resourceNamesSubscribe: ['r'] });
    await eventually(async () => {
      expect(await lines('n')).toEqual(['RouteConfiguration r NOT_SENT REQUESTED']);
      return true;
    });
    cache.setSnapshot('n', {});
    expect(await lines('n')).toEqual(['RouteConfiguration r NOT_SENT DOES_NOT_EXIST']);
    cache.setSnapshot('n', { [TypeUrl.Route]: [routes('r', 'a', 'one')] });
    const sent = await eventually(() =>
      stream.responses.find(({ resources }) =>
        resources.some(({ name, resource }) => name === 'r' && resource),
      ),
    );
    expect(await lines('n')).toEqual(['RouteConfiguration r STALE REQUESTED']);
    for (const { nonce } of stream.responses) {
      stream.send({ typeUrl: TypeUrl.Route, responseNonce: nonce });
    }
    await eventually(async () => {
      expect(await lines('n')).toEqual(['RouteConfiguration r SYNCED ACKED']);
      return true;
    });
    cache.setSnapshot('n', { [TypeUrl.Route]: [routes('r', 'a', 'two')] });
    await eventually(async () => {
      expect(await lines('n')).toEqual(['RouteConfiguration r STALE ACKED']);
      return true;
    });
    expect(sent.typeUrl).toBe(TypeUrl.Route);
    stream.close();
  });

  it('answers only for the nodes asked for, without contents if so wished', async () => {
    await serve();
    for (const id of ['fare-1', 'fare-2', 'pay-1']) {
      cache.setSnapshot(id, { [TypeUrl.Cluster]: [cluster('a')] });
    }
    const ids = async (ask: Ask) => (await fetchStatus(ask)).map(({ node }) => node?.id);
    expect(await ids({})).toEqual(['fare-1', 'fare-2', 'pay-1']);
    expect(await ids(onlyNode('fare-2'))).toEqual(['fare-2']);
    expect(await ids(onlyNode('mallory'))).toEqual([]);
    const [bare] = await fetchStatus({ ...onlyNode('pay-1'), excludeResourceContents: true });
    const [held] = bare?.genericXdsConfigs ?? [];
    expect(held).toMatchObject({ name: 'a', versionInfo: cluster('a').version });
    expect(held?.xdsConfig).toBeUndefined();
    await expect(
      fetchStatus({
        nodeMatchers: [{ nodeId: { matchPattern: { case: 'safeRegex', value: { regex: '(' } } } }],
      }),
    ).rejects.toMatchObject({ code: grpcStatus.INVALID_ARGUMENT });
  });

  it('refuses everyone unless the options allow it, and then whom they refuse', async () => {
    await serve({ authorizeStatus: 'nobody' });
    await expect(fetchStatus()).rejects.toMatchObject({ code: grpcStatus.PERMISSION_DENIED });
    expect(await converse([{}])).toMatchObject({ error: { code: grpcStatus.PERMISSION_DENIED } });
    client.close();
    await server.close({ graceMs: 100 });

    const asked: (string | undefined)[] = [];
    await serve({
      authorizeStatus: async ({ node, peer }) => {
        asked.push(node?.id);
        if (node?.id !== 'operator')
          throw new PermissionDenied(`${peer.uris.length} is not enough`);
      },
    });
    await expect(fetchStatus()).rejects.toMatchObject({ details: '0 is not enough' });
    expect(await fetchStatus({ node: { id: 'operator' } })).toEqual([]);
    expect(asked).toEqual([undefined, 'operator']);
  });

  it('does not tell what went wrong inside', async () => {
    const warnings = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    await serve({
      authorizeStatus: () => {
        throw new Error('the password is 1234');
      },
    });
    await expect(fetchStatus()).rejects.toMatchObject({
      code: grpcStatus.INTERNAL,
      details: 'internal error',
    });
    expect(warnings).toHaveBeenCalledWith('the password is 1234', expect.anything());
    warnings.mockRestore();
  });

  it('answers each request of a stream, which authorizes once, and ends it at the close', async () => {
    let authorized = 0;
    await serve({
      authorizeStatus: () => {
        authorized += 1;
      },
    });
    cache.setSnapshot('fare-1', {});
    const { counts, error } = await converse([{}, onlyNode('none'), {}]);
    expect(counts).toEqual([1, 0, 1]);
    expect(error).toBeUndefined();
    expect(authorized).toBe(1);

    const open = converse([{}], false);
    await eventually(() => (authorized === 2 ? true : undefined));
    await server.close({ graceMs: 5_000 });
    expect(await open).toMatchObject({ counts: [1], error: { code: grpcStatus.UNAVAILABLE } });
  });

  /** Sends requests on one stream; resolves with how many nodes each answer had, when it has ended. */
  function converse(
    asks: readonly Ask[],
    halfClose = true,
  ): Promise<{ counts: number[]; error?: ServiceError }> {
    const stream = client.makeBidiStreamRequest(`${SERVICE}/StreamClientStatus`, encode, (bytes) =>
      fromBinary(ClientStatusResponseSchema, bytes),
    );
    const counts: number[] = [];
    stream.on('data', ({ config }: { config: unknown[] }) => counts.push(config.length));
    for (const ask of asks) {
      stream.write(create(ClientStatusRequestSchema, ask));
    }
    if (halfClose) {
      stream.end();
    }
    return new Promise((resolve) => {
      stream.once('error', (error: ServiceError) => resolve({ counts, error }));
      stream.once('end', () => resolve({ counts }));
    });
  }
});

function encode(request: ClientStatusRequest): Buffer {
  return Buffer.from(toBinary(ClientStatusRequestSchema, request));
}

function onlyNode(value: string): Ask {
  return { nodeMatchers: [{ nodeId: { matchPattern: { case: 'exact', value } } }] };
}

function fail(): never {
  throw new Error('there is no time');
}
