import { credentials, makeClientConstructor, ServerCredentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { SnapshotCache } from './snapshot-cache.js';
import { eventually } from './testing/real-envoy.js';
import { XdsServer } from './xds-server.js';

const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;

/** HealthCheckRequest { service = 1 } and HealthCheckResponse { status = 1 }, as bytes. */
const codec = {
  requestSerialize: (service: string) =>
    Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)]),
  requestDeserialize: (bytes: Buffer) => bytes.subarray(2).toString(),
  responseSerialize: (state: number) => Buffer.from([8, state]),
  responseDeserialize: (bytes: Buffer) => bytes[1] ?? 0,
};

const path = '/grpc.health.v1.Health';
const streams = { requestStream: false };
const HealthClient = makeClientConstructor(
  {
    check: { path: `${path}/Check`, ...streams, responseStream: false, ...codec },
    watch: { path: `${path}/Watch`, ...streams, responseStream: true, ...codec },
  },
  'Health',
);

jest.setTimeout(30_000);

describe('the health service', () => {
  let reason: string | undefined;
  let server: XdsServer;
  let client: InstanceType<typeof HealthClient>;

  beforeEach(async () => {
    reason = 'no revision is loaded';
    server = new XdsServer({
      cache: new SnapshotCache(),
      credentials: ServerCredentials.createInsecure(),
      notReady: () => reason,
    });
    const port = await server.listen('127.0.0.1:0');
    client = new HealthClient(`127.0.0.1:${port}`, credentials.createInsecure());
  });

  afterEach(async () => {
    client.close();
    await server.close({ graceMs: 0 });
  });

  const check = (service: string) =>
    new Promise<number>((resolve, reject) => {
      client.check?.(service, (error: Error | null, state: number) =>
        error ? reject(error) : resolve(state),
      );
    });

  it('says whether there is a configuration, for the server and each of its services', async () => {
    const cds = 'envoy.service.cluster.v3.ClusterDiscoveryService';
    expect(await check('')).toBe(NOT_SERVING);
    expect(await check(cds)).toBe(NOT_SERVING);
    reason = undefined;
    expect(await check('')).toBe(SERVING);
    expect(await check(cds)).toBe(SERVING);
    await expect(check('other')).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it('tells who watches of every change, and of the end', async () => {
    const states: number[] = [];
    const watch = client.watch?.('');
    watch.on('data', (state: number) => states.push(state));
    watch.on('error', () => undefined);
    const unknown: number[] = [];
    const other = client.watch?.('other');
    other.on('data', (state: number) => unknown.push(state));
    other.on('error', () => undefined);
    await eventually(() => states.length === 1 && unknown.length === 1);
    expect(unknown).toEqual([SERVICE_UNKNOWN]);
    reason = undefined;
    await eventually(() => states.length === 2);
    await server.close({ graceMs: 2_000 });
    expect(states).toEqual([NOT_SERVING, SERVING, NOT_SERVING]);
  });
});
