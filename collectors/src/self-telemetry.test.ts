import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CertificateAuthority,
  putIdentity,
} from '@dotline/platform-process/testing/certificate-authority';
import { ChannelCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { LOGS } from './otlp/signal.js';
import { accessLogRequest } from './testing/otlp-requests.js';
import { RunningClickHouse } from './testing/running-clickhouse.js';
import { OtlpClient, RunningCollector } from './testing/running-collector.js';

jest.setTimeout(60_000);

const IDENTITY = 'spiffe://mesh.test/platform/collector';
/** An hour in production. */
const CERTIFICATE_LIFE_MS = 4_000;

describe("a collector's telemetry of itself", () => {
  let directory = '';
  let authority: CertificateAuthority;
  let clickhouse: RunningClickHouse;
  let collector: RunningCollector;
  let client: OtlpClient;
  let sent = 0;
  let renewals: NodeJS.Timeout;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'collectors-'));
    authority = await CertificateAuthority.create();
    await renew();
    renewals = setInterval(() => void renew(), CERTIFICATE_LIFE_MS / 4);
    clickhouse = await RunningClickHouse.start();
    const http = await freePort();
    const file = (name: string) => join(directory, 'current', name);
    collector = await RunningCollector.start(
      {
        CLICKHOUSE_URL: clickhouse.url,
        IDENTITY_DIRECTORY: directory,
        OTEL_SERVICE_NAME: 'dotline-collector',
        OTEL_EXPORTER_OTLP_ENDPOINT: `https://127.0.0.1:${http}`,
        OTEL_EXPORTER_OTLP_CERTIFICATE: file('bundle.pem'),
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: file('certificate.pem'),
        OTEL_EXPORTER_OTLP_CLIENT_KEY: file('key.pem'),
        OTEL_BSP_SCHEDULE_DELAY: '50',
        OTEL_BLRP_SCHEDULE_DELAY: '50',
        OTEL_METRIC_EXPORT_INTERVAL: '600000',
      },
      { grpc: 0, http, operations: 0 },
    );
    const { certificate, key, bundle } = await authority.issue('spiffe://mesh.test/service/trips');
    client = new OtlpClient(
      `127.0.0.1:${collector.ports.grpc}`,
      ChannelCredentials.createSsl(bundle, key, certificate),
    );
    await collector.healthy();
  });

  afterAll(async () => {
    clearInterval(renewals);
    client?.close();
    await collector?.stop();
    await clickhouse?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function renew(): Promise<void> {
    await putIdentity(directory, await authority.issue(IDENTITY, CERTIFICATE_LIFE_MS));
  }

  /** How many spans of its own are stored. */
  async function spans(): Promise<number> {
    const { n } = await clickhouse.row<{ n: number }>(
      `SELECT count() AS n FROM dotline.spans WHERE service = 'dotline-collector'`,
    );
    return n;
  }

  /** Has something stored, and waits for the span that tells of it. */
  async function workAndSeeItsSpan(): Promise<void> {
    const before = await spans();
    sent += 1;
    await client.sendUntilStored(LOGS, accessLogRequest([`work-${sent}`]));
    for (let attempt = 0; (await spans()) === before; attempt += 1) {
      if (attempt === 400) throw new Error('no span of the work within 20 s');
      await sleep(50);
    }
  }

  it('goes on when the certificate that it started with has ended', async () => {
    const endsAtMs = Date.now() + 2 * CERTIFICATE_LIFE_MS;
    while (Date.now() < endsAtMs) {
      await workAndSeeItsSpan();
      await sleep(CERTIFICATE_LIFE_MS / 4);
    }
    await workAndSeeItsSpan();
  });

  it('does not feed on itself: a collector with nothing to do tells next to nothing', async () => {
    await workAndSeeItsSpan();
    await sleep(500);
    const before = await spans();
    // Time for some twenty rounds, were each export to bring about the next. It may still log something.
    await sleep(3_000);
    expect((await spans()) - before).toBeLessThanOrEqual(2);
  });

  it('says what was stored', async () => {
    const { span } = await clickhouse.row<{ span: Record<string, string> }>(
      `SELECT attributes AS span FROM dotline.spans
        WHERE name = 'store segment' AND has(mapKeys(attributes), 'dotline.rows.access_log') LIMIT 1`,
    );
    expect(span).toMatchObject({ 'dotline.requests': '1', 'dotline.rows.access_log': '1' });
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
