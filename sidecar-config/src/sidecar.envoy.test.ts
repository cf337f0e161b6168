import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Edge } from '@dotline/model/edge';
import { makeRevision, type Revision } from '@dotline/model/revision';
import { platformSpiffeId, serviceSpiffeId } from '@dotline/model/spiffe-id';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SnapshotCache, XdsServer } from 'envoy-control-plane-ts';
import { identityDirectory } from './sidecar-directory.js';
import { meshResources } from './sidecar-resources.js';
import { CertificateAuthority, placeIdentity } from './testing/certificate-authority.js';
import { eventually } from './testing/eventually.js';
import { edgeOf, instanceOf, meshOf } from './testing/mesh.js';
import { mutualTls, OtlpReceiver } from './testing/otlp-receiver.js';
import { RealSidecar } from './testing/real-sidecar.js';

const mesh = meshOf({
  app: { team: 'rides', operations: {} },
  fare: {
    team: 'pricing',
    operations: {
      estimate: 'POST /v1/estimates',
      get: 'GET /v1/estimates/{id}',
      remove: 'DELETE /v1/estimates/{id}',
    },
  },
  secret: { team: 'vault', operations: { read: 'GET /read' } },
});
const { trustDomain } = mesh;

/** A loopback network of this test's own, so that runs beside each other do not meet. */
const network = `127.${randomInt(100, 250)}.${randomInt(1, 250)}`;
const instances = [
  instanceOf('app', { address: `${network}.1`, adminAddress: `${network}.1:15000` }),
  instanceOf('fare', { address: `${network}.2`, adminAddress: `${network}.2:15000` }),
];

let directory: string;
let authority: CertificateAuthority;
let collector: OtlpReceiver;
let xds: XdsServer;
let app: RealSidecar;
let fare: RealSidecar;
const cache = new SnapshotCache();
const nacks: unknown[] = [];
let live: Revision | undefined;

function publish(edges: readonly Edge[]): Revision {
  live = makeRevision({ mesh, edges, createdAtMs: 0 }, live);
  const resourcesOf = meshResources({
    revision: live,
    instances,
    telemetry: {
      grpc: { address: '127.0.0.1', port: collector.port },
      http: { address: '127.0.0.1', port: collector.port },
    },
  });
  for (const instance of instances) cache.setSnapshot(instance.id, resourcesOf(instance));
  return live;
}

const usual = [edgeOf('app', 'fare', ['estimate', 'get'])];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sc-'));
  authority = await CertificateAuthority.create();
  collector = await OtlpReceiver.start(
    '127.0.0.1',
    await authority.issue(platformSpiffeId(trustDomain, 'collector')),
  );
  xds = new XdsServer({
    cache,
    credentials: mutualTls(await authority.issue(platformSpiffeId(trustDomain, 'control-plane'))),
    hooks: { onNack: (nack) => nacks.push(nack) },
  });
  const controlPlanePort = await xds.listen('127.0.0.1:0');
  publish(usual);
  const [appSidecar, fareSidecar] = await Promise.all(
    instances.map((instance) =>
      RealSidecar.start({
        runDirectory: directory,
        trustDomain,
        instance,
        authority,
        controlPlanePort,
      }),
    ),
  );
  if (appSidecar === undefined || fareSidecar === undefined) throw new Error('no sidecars');
  app = appSidecar;
  fare = fareSidecar;
  await Promise.all([app.ready(), fare.ready()]);
}, 40_000);

afterAll(async () => {
  await Promise.all([app?.stop(), fare?.stop()]);
  await xds?.close();
  collector?.stop();
  await rm(directory, { recursive: true, force: true });
});

describe('a request that an edge allows', () => {
  it('reaches the app, which learns who called', async () => {
    const answer = await app.call('GET', 'fare', '/v1/estimates/7?detail=1');
    expect({ status: answer.status, log: answer.body }).toMatchObject({ status: 200 });
    const seen = JSON.parse(answer.body);
    expect(seen).toMatchObject({ method: 'GET', url: '/v1/estimates/7?detail=1' });
    expect(seen.headers['x-forwarded-client-cert']).toBe(
      `By=${serviceSpiffeId(trustDomain, 'fare')};URI=${serviceSpiffeId(trustDomain, 'app')}`,
    );
  });
});
void connect;
void identityDirectory;
void placeIdentity;
void eventually;
