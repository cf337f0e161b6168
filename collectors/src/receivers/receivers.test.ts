import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { gzipSync } from 'node:zlib';
import {
  CertificateAuthority,
  type IssuedIdentity,
  putIdentity,
} from '@dotline/platform-process/testing/certificate-authority';
import { ChannelCredentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ExportLogsServiceResponse } from '../gen/opentelemetry/proto/collector/logs/v1/logs_service.js';
import { LOGS, METRICS, TRACES } from '../otlp/signal.js';
import {
  accessLogRequest,
  logRecord,
  logsRequest,
  metricsRequest,
  nowNs,
  SOURCE,
  spansRequest,
  stringValue,
} from '../testing/otlp-requests.js';
import { RunningClickHouse } from '../testing/running-clickhouse.js';
import { OtlpClient, RunningCollector } from '../testing/running-collector.js';

jest.setTimeout(30_000);

const COLLECTOR = 'spiffe://mesh.test/platform/collector';

describe('a collector with mutual TLS', () => {
  let directory = '';
  let clickhouse: RunningClickHouse;
  let collector: RunningCollector;
  let authority: CertificateAuthority;
  let trips: IssuedIdentity;
  let client: OtlpClient;

  const grpcAs = ({ certificate, key, bundle }: IssuedIdentity) =>
    new OtlpClient(
      `127.0.0.1:${collector.ports.grpc}`,
      ChannelCredentials.createSsl(bundle, key, certificate),
    );

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'collectors-'));
    authority = await CertificateAuthority.create();
    await putIdentity(directory, await authority.issue(COLLECTOR));
    trips = await authority.issue('spiffe://mesh.test/service/trips');
    clickhouse = await RunningClickHouse.start();
    collector = await RunningCollector.start({
      CLICKHOUSE_URL: clickhouse.url,
      IDENTITY_DIRECTORY: directory,
      ANSWER_WITHIN_MS: '1500',
    });
    await collector.healthy();
    client = grpcAs(trips);
  });

  afterAll(async () => {
    client.close();
    await collector.stop();
    await clickhouse.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('names the service by its certificate, whatever the records claim', async () => {
    const claims = { ...SOURCE, caller: 'payments', instance: 'payments-1', request_id: 'liar' };
    const resource = { 'service.name': 'payments', 'service.instance.id': 'trips-1' };
    await client.send(LOGS, logsRequest([logRecord(claims)], resource));
    await client.send(LOGS, logsRequest([logRecord({}, { body: stringValue('hello') })], resource));
    await client.send(TRACES, spansRequest([{ name: 'liar' }], resource));
    const gauge = {
      name: 'liar',
      data: { $case: 'gauge' as const, value: { dataPoints: [point(4.5)] } },
    };
    await client.send(METRICS, metricsRequest([gauge], resource));
    expect(
      await clickhouse.row(`SELECT
        (SELECT (caller, callee, instance) FROM dotline.access_log WHERE request_id = 'liar') AS request,
        (SELECT (service, instance, resource['service.name']) FROM dotline.logs WHERE body = 'hello') AS log,
        (SELECT service FROM dotline.spans WHERE name = 'liar') AS span,
        (SELECT (service, value) FROM dotline.metric_points WHERE name = 'liar') AS metric`),
    ).toEqual({
      request: ['trips', 'fare', ''],
      log: ['trips', 'trips-1', 'trips'],
      span: 'trips',
      metric: ['trips', 4.5],
    });
    expect(await collector.metric('dotline_collector_contradicted_claims_total')).toBe(5);
  });

  it('reads the caller of a destination record from its SPIFFE ID, and the callee from the sender', async () => {
    const fare = grpcAs(await authority.issue('spiffe://mesh.test/service/fare'));
    const record = logRecord({
      ...SOURCE,
      reporter: 'destination',
      caller: 'spiffe://mesh.test/service/trips',
      callee: 'orders',
      request_id: 'destination',
      authorization: 'denied',
      edge: '-',
      status: '403',
    });
    await fare.send(LOGS, logsRequest([record]));
    fare.close();
    expect(
      await clickhouse.row(
        `SELECT caller, callee, edge, authorization, status FROM dotline.access_log WHERE request_id = 'destination'`,
      ),
    ).toEqual({ caller: 'trips', callee: 'fare', edge: '', authorization: 'denied', status: 403 });
  });

  it('parts the policy that let a request in into the edge and its revision', async () => {
    const fare = grpcAs(await authority.issue('spiffe://mesh.test/service/fare'));
    const { edge_revision: _, ...rest } = SOURCE;
    const edge = 'trips->fare@0123456789ab';
    const attributes = { ...rest, reporter: 'destination', edge, request_id: 'let in' };
    await fare.send(LOGS, logsRequest([logRecord(attributes)]));
    fare.close();
    expect(
      await clickhouse.row(
        `SELECT edge, edge_revision FROM dotline.access_log WHERE request_id = 'let in'`,
      ),
    ).toEqual({ edge: 'trips->fare', edge_revision: '0123456789ab' });
  });

  it('lets another collector pass on what it was sent, and no other part of the platform', async () => {
    const claims = { 'service.name': 'payments' };
    for (const part of ['collector', 'slo']) {
      const sender = grpcAs(await authority.issue(`spiffe://mesh.test/platform/${part}`));
      const record = logRecord({}, { body: stringValue(`of ${part}`) });
      await sender.send(LOGS, logsRequest([record], claims));
      const request = { ...SOURCE, caller: 'payments', request_id: `of ${part}` };
      await sender.send(LOGS, logsRequest([logRecord(request)]));
      sender.close();
    }
    const services = async (part: string) =>
      clickhouse.row(`SELECT
        (SELECT service FROM dotline.logs WHERE body = 'of ${part}') AS log,
        (SELECT caller FROM dotline.access_log WHERE request_id = 'of ${part}') AS caller`);
    expect(await services('collector')).toEqual({ log: 'payments', caller: 'payments' });
    expect(await services('slo')).toEqual({ log: 'dotline-slo', caller: 'dotline-slo' });
  });

  it('refuses certificates of another root, another trust domain, and none at all', async () => {
    const other = await CertificateAuthority.create();
    const forged = await other.issue('spiffe://mesh.test/service/trips');
    const strangers = [
      grpcAs({ ...forged, bundle: trips.bundle }),
      new OtlpClient(
        `127.0.0.1:${collector.ports.grpc}`,
        ChannelCredentials.createSsl(trips.bundle),
      ),
      grpcAs(await authority.issue('spiffe://elsewhere.test/service/trips')),
    ];
    const codes = [];
    for (const stranger of strangers) {
      codes.push(await stranger.send(LOGS, accessLogRequest(['x'])).catch(({ code }) => code));
      stranger.close();
    }
    expect(codes).toEqual([status.UNAVAILABLE, status.UNAVAILABLE, status.PERMISSION_DENIED]);
    expect(
      await post(collector.ports.http, '/v1/logs', accessLogRequest(['x']), {
        ...forged,
        bundle: trips.bundle,
      }).catch(() => 'refused'),
    ).toBe('refused');
  });

  it('answers malformed bytes with INVALID_ARGUMENT and 400', async () => {
    const bytes = Buffer.from('this is no protobuf message \xff\xff\xff', 'latin1');
    await expect(client.send(LOGS, bytes)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    const answers = await Promise.all([
      post(collector.ports.http, '/v1/logs', bytes, trips),
      post(collector.ports.http, '/v1/logs', bytes, trips, { 'content-encoding': 'gzip' }),
      post(collector.ports.http, '/v1/logs', bytes, trips, { 'content-type': 'application/json' }),
      post(collector.ports.http, '/v1/nothing', bytes, trips),
      post(collector.ports.http, '/v1/logs', Buffer.alloc(5 * 1024 * 1024), trips),
      post(collector.ports.http, '/v1/logs', gzipSync(Buffer.alloc(50 * 1024 * 1024)), trips, {
        'content-encoding': 'gzip',
      }),
    ]);
    expect(answers.map((answer) => answer.status)).toEqual([400, 400, 415, 404, 413, 413]);
  });

  it('keeps the good records of a request and tells how many it dropped', async () => {
    const records = [
      logRecord({ ...SOURCE, request_id: 'good' }),
      logRecord({ ...SOURCE, request_id: 'bad', reporter: 'middle' }),
      logRecord({ ...SOURCE, request_id: 'bad', status: 'teapot' }),
      logRecord({ ...SOURCE, request_id: 'bad', callee: '-' }),
      logRecord({ ...SOURCE, request_id: 'bad', duration_us: '-7' }),
    ];
    const answer = ExportLogsServiceResponse.decode(await client.send(LOGS, logsRequest(records)));
    expect(answer.partialSuccess?.rejectedLogRecords).toBe(4n);
    expect(
      await clickhouse.row(
        `SELECT countIf(request_id = 'good') AS good, countIf(request_id = 'bad') AS bad FROM dotline.access_log`,
      ),
    ).toEqual({ good: 1, bad: 0 });
    expect(
      await collector.metric(
        'dotline_collector_rejected_records_total{reason="access_log_status"}',
      ),
    ).toBe(1);
  });

  it('holds times of clocks that lie within a day before and a minute after arrival', async () => {
    const year = 365n * 86_400n * 1_000_000_000n;
    const times = [nowNs() - year, nowNs() + year, 0n];
    const records = times.map((timeUnixNano, index) =>
      logRecord({ ...SOURCE, request_id: `clock-${index}` }, { timeUnixNano }),
    );
    await client.send(LOGS, logsRequest(records));
    const { ages } = await clickhouse.row<{ ages: number[] }>(
      `SELECT arrayMap(x -> x.2, arraySort(groupArray((request_id, round(dateDiff('second', time, now64(6)) / 60))))) AS ages
       FROM dotline.access_log WHERE request_id LIKE 'clock-%'`,
    );
    expect(ages).toEqual([1440, -1, 0]);
  });

  it('takes gzip over HTTP and escapes what TabSeparated would misread', async () => {
    const nasty = 'tab\t quote\' back\\slash \n line {"a":1} ⚙ \0';
    const bytes = logsRequest([
      logRecord({ key: nasty, "k'ey\t": 'v' }, { body: stringValue(nasty) }),
    ]);
    const answer = await post(collector.ports.http, '/v1/logs', gzipSync(bytes), trips, {
      'content-encoding': 'gzip',
    });
    expect(answer.status).toBe(200);
    const event = { timeUnixNano: nowNs(), name: nasty, attributes: [], droppedAttributesCount: 0 };
    const link = {
      traceId: Buffer.alloc(16, 9),
      spanId: Buffer.alloc(8, 9),
      traceState: '',
      attributes: [],
      droppedAttributesCount: 0,
      flags: 0,
    };
    const spans = spansRequest([
      { name: 'nasty', events: [event, event], links: [link], parentSpanId: Buffer.alloc(8, 3) },
    ]);
    expect((await post(collector.ports.http, '/v1/traces', spans, trips)).status).toBe(200);
    expect(
      await clickhouse.row(`SELECT body, attributes,
        (SELECT (events.name, links, kind, duration_ns) FROM dotline.spans WHERE name = 'nasty') AS span
        FROM dotline.logs WHERE mapContains(attributes, 'key')`),
    ).toEqual({
      body: nasty,
      attributes: { key: nasty, "k'ey\t": 'v' },
      span: [
        [nasty, nasty],
        [{ trace_id: '09'.repeat(16), span_id: '09'.repeat(8) }],
        'server',
        expect.any(Number),
      ],
    });
  });

  it('stores every kind of metric point', async () => {
    const times = {
      startTimeUnixNano: 0n,
      timeUnixNano: nowNs(),
      attributes: [],
      exemplars: [],
      flags: 0,
    };
    const buckets = (offset: number, ...counts: number[]) => ({
      offset,
      bucketCounts: counts.map(BigInt),
    });
    await client.send(
      METRICS,
      metricsRequest([
        {
          name: 'kinds',
          data: {
            $case: 'sum',
            value: {
              aggregationTemporality: 2,
              isMonotonic: true,
              dataPoints: [point(Number.NaN)],
            },
          },
        },
        {
          name: 'kinds',
          data: {
            $case: 'histogram',
            value: {
              aggregationTemporality: 1,
              dataPoints: [
                { ...times, count: 3n, sum: 6.5, bucketCounts: [1n, 2n], explicitBounds: [2.5] },
              ],
            },
          },
        },
        {
          name: 'kinds',
          data: {
            $case: 'exponentialHistogram',
            value: {
              aggregationTemporality: 2,
              dataPoints: [
                {
                  ...times,
                  count: 6n,
                  sum: 1,
                  scale: 0,
                  zeroCount: 1n,
                  zeroThreshold: 0,
                  positive: buckets(1, 2, 3),
                  negative: buckets(0, 4),
                },
              ],
            },
          },
        },
        {
          name: 'kinds',
          data: {
            $case: 'summary',
            value: {
              dataPoints: [
                { ...times, count: 2n, sum: 3, quantileValues: [{ quantile: 0.5, value: 1.5 }] },
              ],
            },
          },
        },
      ]),
    );
    const { points } = await clickhouse.row<{ points: unknown[] }>(`
      SELECT arraySort(groupArray((kind, temporality, monotonic, isNaN(value), count, sum, bounds, bucket_counts, quantile_values))) AS points
      FROM dotline.metric_points WHERE name = 'kinds'`);
    expect(points).toEqual([
      ['sum', 'cumulative', true, 1, 0, 0, [], [], []],
      ['histogram', 'delta', false, 0, 3, 6.5, [2.5], [1, 2], []],
      [
        'exponential_histogram',
        'cumulative',
        false,
        0,
        6,
        1,
        [-1, 0, 2, 4, 8],
        [4, 1, 0, 2, 3, 0],
        [],
      ],
      ['summary', 'unspecified', false, 0, 2, 3, [0.5], [], [1.5]],
    ]);
  });

  it('serves a renewed certificate, on both ports, without a restart', async () => {
    const before = await Promise.all([
      servedBy(collector.ports.grpc),
      servedBy(collector.ports.http),
    ]);
    await putIdentity(directory, await authority.issue(COLLECTOR));
    let after = before;
    for (
      let attempt = 0;
      attempt < 100 && after.some((serial) => before.includes(serial));
      attempt += 1
    ) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      after = await Promise.all([servedBy(collector.ports.grpc), servedBy(collector.ports.http)]);
    }
    expect(new Set(before).size).toBe(1);
    expect(new Set([...before, ...after]).size).toBe(2);
    await client.send(LOGS, accessLogRequest(['renewed']));
  });

  it('tells senders to come back while ClickHouse is away, and has everything afterwards', async () => {
    await clickhouse.kill();
    const bytes = accessLogRequest(['away']);
    await expect(client.send(LOGS, bytes)).rejects.toMatchObject({ code: status.UNAVAILABLE });
    const health = await fetch(`http://127.0.0.1:${collector.ports.operations}/healthz`);
    expect(health.status).toBe(503);
    await clickhouse.restart();
    await client.sendUntilStored(LOGS, bytes);
    expect(
      await clickhouse.row(`SELECT count() AS n FROM dotline.access_log WHERE request_id = 'away'`),
    ).toEqual({ n: 1 });
  });

  async function servedBy(port: number): Promise<string> {
    const { certificate, key, bundle } = trips;
    const socket = connect({
      host: '127.0.0.1',
      port,
      cert: certificate,
      key,
      ca: bundle,
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    await new Promise((resolve, reject) =>
      socket.once('secureConnect', resolve).once('error', reject),
    );
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  }
});

function point(value: number) {
  return {
    attributes: [],
    startTimeUnixNano: 0n,
    timeUnixNano: nowNs(),
    value: { $case: 'asDouble' as const, value },
    exemplars: [],
    flags: 0,
  };
}

function post(
  port: number,
  path: string,
  body: Buffer,
  { certificate, key, bundle }: IssuedIdentity,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ cert: certificate, key, ca: bundle });
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        path,
        agent,
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf', ...headers },
      },
      async (response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk);
        agent.destroy();
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) });
      },
    );
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}
