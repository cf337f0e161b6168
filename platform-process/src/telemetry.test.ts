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
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return traced;
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
    const lifeMs = 2_500;
    await putIdentity(directory, await authority.issue(SLO, lifeMs));
    start();
    await until('the first spans', () => turns().length > 0);
    for (let renewal = 0; renewal < 5; renewal += 1) {
      await sleep(lifeMs / 2);
      await putIdentity(directory, await authority.issue(SLO, lifeMs));
    }
    const count = turns().length;
    await until('spans of the last certificate', () => turns().length > count + 10);
    expect(new Set(server.requests.map(({ serialNumber }) => serialNumber)).size).toBeGreaterThan(
      4,
    );
    const [first = 0] = turns();
    expect(turns()).toEqual(turns().map((_, index) => first + index));
    // The same certificates are refused once they have ended.
    const refused = server.refused;
    await sleep(lifeMs + 1_000);
    expect(server.refused).toBeGreaterThan(refused);
  });

  it('keeps its spans while there is no identity and no collector', async () => {
    const { port } = server;
    const log = start();
    await sleep(2_500);
    expect(server.requests).toEqual([]);
    await server.close();
    await putIdentity(directory, await authority.issue(SLO));
    await sleep(1_500);
    server = await OtlpServer.start(await authority.issue(COLLECTOR), port);
    await until('what was kept', () => turns().length > 60);
    const [first = Number.NaN] = turns();
    expect(first).toBeLessThan(40);
    expect(turns()).toEqual(turns().map((_, index) => first + index));
    expect(log.exitCode).toBeNull();
  });

  it('sends what it still has when the process ends', async () => {
    await putIdentity(directory, await authority.issue(SLO));
    const child = start({ OTEL_BSP_SCHEDULE_DELAY: '60000' });
    await sleep(2_000);
    expect(turns()).toEqual([]);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(turns().length).toBeGreaterThan(10);
  });

  it('does not keep a process that ends waiting for a collector that is gone', async () => {
    const child = start();
    await sleep(1_500);
    const atMs = Date.now();
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(Date.now() - atMs).toBeLessThan(4_000);
  });
});
