import { once } from 'node:events';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Mesh } from '@dotline/model/mesh';
import { serviceSpiffeId } from '@dotline/model/spiffe-id';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { bypass } from './testing/bypass.js';
import { CertificateAuthority, type Identity } from './testing/certificate-authority.js';
import { eventually } from './testing/eventually.js';
import { edgeOf, instanceOf, meshOf } from './testing/mesh.js';
import type { Answer, RealSidecar } from './testing/real-sidecar.js';
import { loopbackNetwork, RunningMesh } from './testing/running-mesh.js';

jest.setTimeout(30_000);

const at = loopbackNetwork();
const gateway = instanceOf('card-network', at(2));
const instances = [instanceOf('payment', at(1)), gateway, instanceOf('idle', at(3))];
const usual = [edgeOf('payment', 'card-network', ['charge', 'card', 'files', 'strange', 'forged'])];

let running: RunningMesh;
let payment: RealSidecar;
const servers: Http2SecureServer[] = [];

/** A web server outside, of HTTP/2 and HTTP/1.1, that says what it was asked. */
async function outside(identity: Identity): Promise<string> {
  const { certificate: cert, key } = identity;
  const server = createSecureServer({ cert, key, allowHTTP1: true }, (request, response) => {
    const { httpVersion, url, headers } = request;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ httpVersion, url, headers }));
  });
  server.listen(0, at(9).address);
  await once(server, 'listening');
  servers.push(server);
  return `${at(9).address}:${(server.address() as AddressInfo).port}`;
}

async function meshWithOutside(): Promise<Mesh> {
  const [trusted, others] = [
    await CertificateAuthority.create(),
    await CertificateAuthority.create(),
  ];
  const ca = trusted.root.toString('pem');
  const of = async (host: string, authority: CertificateAuthority, name: string) => ({
    host,
    ca,
    address: await outside(await authority.issueForHost(name)),
  });
  return meshOf({
    payment: { team: 'money', operations: {} },
    idle: { team: 'money', operations: {} },
    'card-network': {
      team: 'cards',
      operations: {
        charge: 'POST api.cards.example:443/v1/charges',
        card: 'GET api.cards.example:443/v1/cards/{id}',
        refund: 'POST api.cards.example:443/v1/refunds',
        files: 'GET files.cards.example:8443/public/**',
        secret: 'GET files.cards.example:8443/public/secret',
        other: 'GET other.example:443/**',
        strange: 'GET misnamed.example:443/**',
        forged: 'GET forged.example:443/**',
      },
      egress: {
        hosts: [
          await of('api.cards.example:443', trusted, 'api.cards.example'),
          await of('files.cards.example:8443', trusted, '*.cards.example'),
          await of('other.example:443', trusted, 'other.example'),
          await of('misnamed.example:443', trusted, 'another.example'),
          await of('forged.example:443', others, 'forged.example'),
        ],
      },
    },
  });
}

beforeAll(async () => {
  running = await RunningMesh.start({ mesh: await meshWithOutside(), instances, edges: usual });
  payment = running.sidecar('payment-1');
  await running.sidecar('card-network-1').stopApp();
}, 40_000);

afterAll(async () => {
  for (const server of servers) server.close();
  await running?.stop();
}, 20_000);

const json = (answer: Answer) => ({ status: answer.status, ...JSON.parse(answer.body) });

describe('a host outside that an edge allows', () => {
  it('is called by its own name, over TLS, and learns nothing about the mesh', async () => {
    const { status, url, httpVersion, headers } = json(
      await payment.call('POST', 'api.cards.example', '/v1/charges?once=1', {
        headers: { 'x-api-key': 'k' },
      }),
    );
    expect([status, url, httpVersion]).toEqual([200, '/v1/charges?once=1', '2.0']);
    expect(headers).toMatchObject({
      ':authority': 'api.cards.example',
      ':scheme': 'https',
      'x-api-key': 'k',
    });
    expect(JSON.stringify(headers)).not.toMatch(/spiffe|x-forwarded|x-request-id|127\./);
  });

  it('may be named with a port and in capitals', async () => {
    const answers = [
      await payment.call('GET', 'API.cards.example:443', '/v1/cards/7'),
      await payment.call('GET', 'files.cards.example', '/public/a/b'),
    ].map(json);
    expect(answers).toMatchObject([
      { status: 200, headers: { ':authority': 'api.cards.example' } },
      { status: 200, url: '/public/a/b', headers: { ':authority': 'files.cards.example:8443' } },
    ]);
  });

  it.each([
    ['misnamed.example', 'fail_verify_san'],
    ['forged.example', 'fail_verify_error'],
  ])('is not believed to be %s without a certificate that says so', async (host, fault) => {
    expect((await payment.call('GET', host, '/')).status).toBe(503);
    const stats = await running.sidecar('card-network-1').admin('/stats?filter=ssl.fail_verify');
    expect(stats).toMatch(new RegExp(`dotline_egress_${host}_443\\.ssl\\.${fault}: [1-9]`));
  });
});

describe('a host outside that no edge allows', () => {
  it('is refused at the caller, host by host and operation by operation', async () => {
    const body = {
      status: 403,
      error: 'denied by policy',
      reason: 'edge payment->card-network does not allow this method and path',
      callee: 'card-network',
    };
    expect(json(await payment.call('GET', 'other.example', '/'))).toMatchObject(body);
    expect(json(await payment.call('POST', 'api.cards.example', '/v1/refunds'))).toMatchObject({
      ...body,
      allowed: expect.arrayContaining([
        'card-network.charge: POST api.cards.example/v1/charges',
        'card-network.files: GET files.cards.example/public/**',
      ]),
    });
    expect(json(await payment.call('GET', 'files.cards.example', '/public/secret'))).toMatchObject(
      body,
    );
    expect(json(await payment.call('GET', 'files.cards.example', '/v1/cards/7'))).toMatchObject(
      body,
    );
    expect(json(await payment.call('GET', 'card-network', '/v1/cards/7'))).toMatchObject(body);
  });

  it('is refused with the missing rules to a caller without an edge', async () => {
    const answer = await running.sidecar('idle-1').call('GET', 'api.cards.example', '/v1/cards/7');
    expect(json(answer)).toMatchObject({
      status: 403,
      reason: 'no edge between caller and callee',
      callee: 'api.cards.example',
      missing: { grant: { team: 'cards' } },
      explain: 'dotline explain idle api.cards.example',
    });
  });

  it.each(['example.org', 'apixcards.example', 'cards.example', '127.0.0.1'])(
    'is refused when nobody declares it: %s',
    async (host) => {
      expect(json(await payment.call('GET', host, '/'))).toMatchObject({
        status: 403,
        reason: 'the mesh has no service of this name',
      });
    },
  );

  it('is refused by the gateway to whoever goes past the own sidecar', async () => {
    const { trustDomain } = running.mesh;
    const own = await running.authority.issue(serviceSpiffeId(trustDomain, 'payment'));
    const other = await running.authority.issue(serviceSpiffeId(trustDomain, 'idle'));
    const ask = (identity: Identity, authority: string, path: string) =>
      bypass(gateway, identity, 'GET', path, { ':authority': authority });
    const answers = await Promise.all([
      ask(own, 'api.cards.example', '/v1/cards/7'),
      ask(other, 'api.cards.example', '/v1/cards/7'),
      ask(own, 'files.cards.example', '/v1/cards/7'),
      ask(own, 'files.cards.example', '/public/secret'),
      ask(own, 'other.example', '/'),
      ask(own, 'example.org', '/v1/cards/7'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 403, 403, 403, 403, 403]);
  });
});

it('opens a host when an edge grants it, and no other', async () => {
  running.publish([...usual, edgeOf('idle', 'card-network', ['other'])]);
  const idle = running.sidecar('idle-1');
  await eventually('the host to be open', async () => {
    const { status } = await idle.call('GET', 'other.example', '/');
    return status === 200 ? true : undefined;
  });
  expect((await idle.call('GET', 'api.cards.example', '/v1/cards/7')).status).toBe(403);
  running.publish(usual);
  await eventually('the host to be closed', async () => {
    const { status } = await idle.call('GET', 'other.example', '/');
    return status === 403 ? true : undefined;
  });
  expect(running.nacks).toEqual([]);
});
