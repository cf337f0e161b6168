import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  jest,
} from '@jest/globals';
import { SnapshotCache, XdsServer } from 'envoy-control-plane-ts';
import express from 'express';
import { serveApi } from './api.js';
import { CERTIFICATE_LIFE_MS, CertificateAuthority } from './certificate-authority.js';
import { ServerCertificate } from './server-certificate.js';
import { certificateRequest } from './testing/test-sidecar.js';

const ID = 'spiffe://test.example/platform/control-plane';

let directory: string;
let authority: CertificateAuthority;
let certificate: ServerCertificate;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dotline-ca-'));
  authority = await CertificateAuthority.open(directory);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

beforeEach(async () => {
  certificate = await ServerCertificate.create(
    authority,
    ['localhost', '127.0.0.1'],
    () => undefined,
  );
});
afterEach(() => certificate.close());

describe('the API', () => {
  let server: Server;
  let port: number;

  beforeEach(async () => {
    const app = express();
    app.get('/', (_request, response) => {
      response.send('here');
    });
    ({ server, port } = await serveApi(app, certificate, { host: '127.0.0.1', port: 0 }));
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
  });

  it('shows its hosts before it knows who it is, and its identity after', async () => {
    expect(await subjectAltName(port)).toBe('DNS:localhost, IP Address:127.0.0.1');
    await certificate.identifyAs(ID);
    expect(await subjectAltName(port)).toBe(`URI:${ID}, DNS:localhost, IP Address:127.0.0.1`);
  });

  it('keeps connections that were made with the certificate before', async () => {
    const socket = await open(port);
    await certificate.identifyAs(ID);
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
    const answer = await text(socket);
    expect(answer).toContain('200 OK');
  });
});

describe('the xDS server', () => {
  it('follows each renewal, and wants a certificate of this mesh from clients', async () => {
    const server = new XdsServer({
      cache: new SnapshotCache(),
      credentials: certificate.grpcCredentials(),
    });
    const port = await server.listen('127.0.0.1:0');
    try {
      const { csr, key } = await certificateRequest();
      const signed = await authority.signCertificate(csr, 'spiffe://test.example/service/a');
      const client = { key, cert: signed.certificate, ALPNProtocols: ['h2'] };
      await certificate.identifyAs(ID);
      expect(await subjectAltName(port, client)).toContain(ID);
      await certificate.identifyAs(`${ID}-2`);
      expect(await subjectAltName(port, client)).toContain(`${ID}-2`);

      await expect(refusal(port, { ALPNProtocols: ['h2'] })).resolves.toMatch(/certificate|reset/i);
      const other = await CertificateAuthority.open(join(directory, 'other'));
      const foreign = await other.signCertificate(csr, 'spiffe://test.example/service/a');
      const intruder = { ...client, cert: foreign.certificate };
      await expect(refusal(port, intruder)).resolves.toMatch(/ca|certificate|reset/i);
    } finally {
      await server.close({ graceMs: 100 });
    }
  });
});

describe('renewal', () => {
  it('comes at half of the life, again and again', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    try {
      const own = await ServerCertificate.create(authority, ['localhost'], (error) => {
        throw error;
      });
      const seen = new Set([own.current.certificate]);
      for (let count = 2; count <= 4; count++) {
        const renewed = new Promise((resolve) => own.onRenewed(resolve));
        jest.advanceTimersByTime(CERTIFICATE_LIFE_MS / 2);
        await renewed;
        seen.add(own.current.certificate);
        expect(seen.size).toBe(count);
      }
      own.close();
    } finally {
      jest.useRealTimers();
    }
  });
});

type Client = Omit<ConnectionOptions, 'host' | 'port'>;

function open(port: number, client: Client = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: '127.0.0.1', port, ca: authority.bundle, servername: 'localhost', ...client },
      () => resolve(socket),
    );
    socket.once('error', reject);
  });
}

async function subjectAltName(port: number, client: Client = {}): Promise<string | undefined> {
  const socket = await open(port, client);
  const { subjectaltname } = socket.getPeerCertificate();
  socket.destroy();
  return subjectaltname;
}

/** Why the server ends a connection; with TLS 1.3 a client hears of it after its own handshake. */
async function refusal(port: number, client: Client): Promise<string> {
  try {
    const socket = await open(port, client);
    return await new Promise((resolve) => {
      socket.once('error', (error) => resolve(error.message));
      socket.once('close', () => resolve('reset'));
      setTimeout(() => resolve('accepted'), 1_000).unref();
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function text(socket: TLSSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    let all = '';
    socket.on('data', (bytes: Buffer) => {
      all += bytes.toString();
    });
    socket.on('end', () => resolve(all));
    socket.on('error', reject);
  });
}
