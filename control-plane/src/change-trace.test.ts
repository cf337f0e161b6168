import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import type { Instance } from '@dotline/model/instance';
import { OtlpServer } from '@dotline/platform-process/testing/otlp-server';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { ExportTraceServiceRequestSchema } from 'envoy-control-plane-ts/gen/opentelemetry/proto/collector/trace/v1/trace_service_pb';
import type { AnyValue } from 'envoy-control-plane-ts/gen/opentelemetry/proto/common/v1/common_pb';
import { eventually } from './testing/eventually.js';
import { TestControlPlane } from './testing/test-control-plane.js';
import { freePort, startTestDatabase, type TestDatabase } from './testing/test-database.js';
import { GUESTS_NEED, GUESTS_NOTHING, TestMesh } from './testing/test-mesh.js';
import { testInstance } from './testing/test-revision.js';
import { certificateRequest, TestSidecar } from './testing/test-sidecar.js';

jest.setTimeout(120_000);

const GUESTS = 'policies/teams/guests/guests.rego';
const LOOPBACK = `127.${140 + (process.pid % 100)}.${process.pid % 250}`;

interface ReceivedSpan {
  readonly name: string;
  readonly trace: string;
  readonly id: string;
  readonly parent: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string>>;
}

let database: TestDatabase;
let mesh: TestMesh;
let runDirectory: string;
let controlPlane: TestControlPlane;
let sidecars: TestSidecar[] = [];
let collector: OtlpServer;
const instances = [instance('greeter', 1), instance('visitor', 2)];

beforeAll(async () => {
  const otlpPort = await freePort();
  [database, mesh, runDirectory] = await Promise.all([
    startTestDatabase(),
    TestMesh.create(),
    mkdtemp(join(tmpdir(), 'dl-')),
  ]);
  controlPlane = await TestControlPlane.create({
    meshDirectory: mesh.directory,
    databaseUrl: database.url,
    // Nobody listens there: hints get lost, traces must not.
    redisUrl: `redis://127.0.0.1:${await freePort()}`,
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `https://127.0.0.1:${otlpPort}`,
      OTEL_BSP_SCHEDULE_DELAY: '100',
    },
  });
  await controlPlane.start();
  await controlPlane.ready();
  // As in production the collector comes later than the control plane, which certifies it.
  const { csr, key } = await certificateRequest();
  const answer = await controlPlane.call('POST', '/v1/certificates', {
    csr,
    platform: 'collector',
  });
  const { certificate, bundle } = JSON.parse(answer.body) as Record<string, string>;
  collector = await OtlpServer.start(
    {
      certificate: Buffer.from(certificate ?? ''),
      key: Buffer.from(key),
      bundle: Buffer.from(bundle ?? ''),
    },
    otlpPort,
  );
  sidecars = await Promise.all(
    instances.map((each) => TestSidecar.start(runDirectory, each, controlPlane)),
  );
  await controlPlane.call('PUT', '/v1/instances', { host: 'here', instances });
  await eventually('the first revision on both', async () =>
    controlPlane.output.includes('is enforced on 2/2') ? true : undefined,
  );
});

afterAll(async () => {
  await Promise.all(sidecars.map((sidecar) => sidecar.stop()));
  await controlPlane?.remove();
  await collector?.close();
  await database?.remove();
  await mesh?.remove();
  await rm(runDirectory, { recursive: true, force: true });
});

it('a saved rule is one trace from the file to the last acknowledgement', async () => {
  await mesh.save(GUESTS, GUESTS_NEED);
  const root = await eventually('the trace', async () =>
    received().find(
      ({ name, attributes }) => name === 'mesh change' && attributes['dotline.files'] === GUESTS,
    ),
  );
  expect(root).toMatchObject({ parent: '', attributes: { 'dotline.edges.added': '1' } });
  const spans = received().filter(({ trace }) => trace === root.trace);
  const below = (parent: ReceivedSpan) => spans.filter((span) => span.parent === parent.id);
  expect(names(below(root))).toEqual(['compile', 'publish', 'roll out']);

  const [rollOut] = below(root).filter(({ name }) => name === 'roll out');
  if (rollOut === undefined) throw new Error('no rollout');
  expect(rollOut.attributes).toMatchObject({
    'dotline.outcome': 'enforced',
    'dotline.sidecars': '2',
  });
  const pushes = below(rollOut).filter(({ name }) => name === 'xDS push');
  expect(names(below(rollOut))).toEqual(['switch', 'widen', 'xDS push']);
  expect(new Set(pushes.map(({ attributes }) => attributes['dotline.instance']))).toEqual(
    new Set(['greeter-1', 'visitor-1']),
  );
  expect(rollOut.attributes['dotline.pushes']).toBe(String(pushes.length));
  // The callee lets the caller in before the caller has its route.
  const [first] = [...pushes].sort((a, b) => a.startMs - b.startMs);
  expect(first?.attributes).toMatchObject({ 'dotline.instance': 'greeter-1' });
  const lastMs = Math.max(...pushes.map(({ endMs }) => endMs));
  // Clocks of the spans and of the acknowledgement differ by less than this.
  expect(Math.abs(root.endMs - lastMs)).toBeLessThan(250);
  expect(spans.every(({ startMs }) => startMs >= root.startMs)).toBe(true);
});

it('a rule saved while the control plane was away is traced by the next one', async () => {
  await controlPlane.stop('SIGKILL');
  await mesh.save(GUESTS, GUESTS_NOTHING);
  await controlPlane.start();
  await eventually('its trace', async () =>
    received().find(
      ({ name, attributes }) =>
        name === 'roll out' &&
        attributes['dotline.edges.removed'] === '1' &&
        attributes['dotline.outcome'] === 'enforced',
    ),
  );
});

it('a rule with a mistake is a trace that failed, and says where', async () => {
  await mesh.save(GUESTS, 'package mesh.teams.guests\n\nneeds contains {\n');
  const body = await eventually('the trace', async () => {
    const bodies = collector.received('traces');
    return bodies.includes(`${GUESTS}:`) ? bodies : undefined;
  });
  expect(body).toContain('exception');
});

it('shows the collector its own SPIFFE ID', () => {
  expect(new Set(collector.requests.map(({ spiffeId }) => spiffeId.split(', ')[0]))).toEqual(
    new Set(['URI:spiffe://hello.example/platform/control-plane']),
  );
});

function names(spans: readonly ReceivedSpan[]): string[] {
  return [...new Set(spans.map(({ name }) => name))].sort();
}

function received(): ReceivedSpan[] {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return collector.requests
    .filter(({ path }) => path === '/v1/traces')
    .map(({ body }) => fromBinary(ExportTraceServiceRequestSchema, Buffer.from(body, 'latin1')))
    .flatMap(({ resourceSpans }) => resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap(({ spans }) => spans)
    .map((span) => ({
      name: span.name,
      trace: hex(span.traceId),
      id: hex(span.spanId),
      parent: hex(span.parentSpanId),
      startMs: Number(span.startTimeUnixNano / 1_000n) / 1_000,
      endMs: Number(span.endTimeUnixNano / 1_000n) / 1_000,
      attributes: Object.fromEntries(span.attributes.map(({ key, value }) => [key, textOf(value)])),
    }));
}

function textOf(value: AnyValue | undefined): string {
  const content = value?.value;
  return content?.case === 'arrayValue'
    ? content.value.values.map(textOf).join(' ')
    : String(content?.value);
}

function instance(service: string, host: number): Instance {
  return testInstance(service, 1, `${LOOPBACK}.${host}`);
}
