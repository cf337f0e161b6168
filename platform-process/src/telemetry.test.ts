import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CertificateAuthority, putIdentity } from './testing/certificate-authority.js';
import { OtlpServer } from './testing/otlp-server.js';

jest.setTimeout(60_000);

const SLO = 'spiffe://mesh.test/platform/slo';
const COLLECTOR = 'spiffe://mesh.test/platform/collector';
const MAIN = fileURLToPath(new URL('../dist/testing/traced-process.js', import.meta.url));

describe('the telemetry of a process', () => {
  let directory = '';
  let authority: CertificateAuthority;
  let server: OtlpServer;
  let traced: ChildProcess | undefined;
  let printed = '';

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'telemetry-'));
    authority = await CertificateAuthority.create();
    server = await OtlpServer.start(await authority.issue(COLLECTOR));
  });

  afterEach(async () => {
    if (traced?.exitCode === null && traced.signalCode === null) {
      traced.kill('SIGKILL');
      await once(traced, 'exit');
    }
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });

  function start(environment: Record<string, string> = {}): ChildProcess {
    traced = spawn(process.execPath, [MAIN], {
      env: {
        ...process.env,
        OTEL_EXPORTER_OTLP_ENDPOINT: `https://127.0.0.1:${server.port}`,
        OTEL_EXPORTER_OTLP_CERTIFICATE: join(directory, 'current/bundle.pem'),
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: join(directory, 'current/certificate.pem'),
        OTEL_EXPORTER_OTLP_CLIENT_KEY: join(directory, 'current/key.pem'),
        OTEL_BSP_SCHEDULE_DELAY: '100',
        OTEL_BLRP_SCHEDULE_DELAY: '100',
        OTEL_METRIC_EXPORT_INTERVAL: '500',
        OTEL_METRIC_EXPORT_TIMEOUT: '400',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    printed = '';
    traced.stdout?.on('data', (text) => {
      printed += text;
    });
    return traced;
  }

  /** The turn that the process is at, to within ten. */
  function turn(): number {
    return Number([...printed.matchAll(/at turn (\d+)/g)].at(-1)?.[1] ?? 0);
  }

  /** Numbers of the turns whose spans have arrived. */
  function turns(): number[] {
    const names = server.received('traces').matchAll(/turn (\d+);/g);
    return [...names].map(([, turn]) => Number(turn)).sort((a, b) => a - b);
  }

  async function until(what: string, look: () => boolean, withinMs = 20_000): Promise<void> {
    for (const untilMs = Date.now() + withinMs; !look(); await sleep(50)) {
      if (Date.now() > untilMs) throw new Error(`${what}: not within ${withinMs} ms`);
    }
  }

  it('reaches a collector that asks for a certificate: spans, metrics and log records', async () => {
    await putIdentity(directory, await authority.issue(SLO));
    start({ OTEL_RESOURCE_ATTRIBUTES: 'service.namespace=the-mesh' });
    await until('all three', () =>
      (['traces', 'metrics', 'logs'] as const).every((signal) => server.received(signal) !== ''),
    );
    expect(new Set(server.requests.map(({ spiffeId }) => spiffeId))).toEqual(
      new Set([`URI:${SLO}, IP Address:127.0.0.1`]),
    );
    expect(server.received('traces')).toContain('the-mesh');
    expect(server.received('traces')).toContain('traced');
    expect(server.received('metrics')).toContain('dotline_turns');
    expect(server.received('logs')).toContain('at turn ');
  });

  it('goes on when its certificate has ended, with the one that was put in its place', async () => {
    const lifeMs = 3_000;
    const renew = async () => putIdentity(directory, await authority.issue(SLO, lifeMs));
    const serials = () => new Set(server.requests.map(({ serialNumber }) => serialNumber)).size;
    await renew();
    const renewals = setInterval(() => void renew(), lifeMs / 3);
    start();
    try {
      await until('the first spans', () => turns().length > 0);
      await sleep(2 * lifeMs);
      const count = turns().length;
      const certificates = serials();
      await until('spans long after the first certificate', () => turns().length > count + 20);
      await until('a newer certificate', () => serials() > certificates);
    } finally {
      clearInterval(renewals);
    }
    const [first = 0] = turns();
    expect(turns()).toEqual(turns().map((_, index) => first + index));
    // The same certificates are refused once they have ended.
    const refused = server.refused;
    await until('a refusal', () => server.refused > refused);
  });

  it('keeps its spans while there is no identity and no collector', async () => {
    const { port } = server;
    start();
    // It has long begun to count them by then.
    await until('some turns without an identity', () => turn() >= 60);
    const withoutIdentity = turn();
    expect(server.requests).toEqual([]);
    await server.close();
    await putIdentity(directory, await authority.issue(SLO));
    await until('some turns without a collector', () => turn() >= withoutIdentity + 30);
    const withoutCollector = turn();
    server = await OtlpServer.start(await authority.issue(COLLECTOR), port);
    await until('what was kept', () => (turns().at(-1) ?? 0) > withoutCollector + 20);
    const [first = Number.NaN] = turns();
    expect(first).toBeLessThan(withoutIdentity);
    expect(turns()).toEqual(turns().map((_, index) => first + index));
  });

  it('sends what it still has when the process ends', async () => {
    await putIdentity(directory, await authority.issue(SLO));
    const child = start({ OTEL_BSP_SCHEDULE_DELAY: '60000' });
    await until('metrics, so it exports', () => server.received('metrics') !== '');
    const before = turn();
    await until('some turns', () => turn() >= before + 20);
    const last = turn();
    expect(turns()).toEqual([]);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(turns().at(-1)).toBeGreaterThanOrEqual(last);
  });

  it('does not keep a process that ends waiting for a collector that is gone', async () => {
    const child = start();
    await until('some turns', () => turn() >= 40);
    const atMs = Date.now();
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(Date.now() - atMs).toBeLessThan(6_000);
  });
});
