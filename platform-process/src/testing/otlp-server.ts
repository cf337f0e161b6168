import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { IssuedIdentity } from './certificate-authority.js';

/** A request for telemetry as the server saw it. */
export interface ReceivedRequest {
  readonly path: string;
  /** Protobuf; its texts can be searched. */
  readonly body: string;
  readonly serialNumber: string;
  readonly spiffeId: string;
}

/** Takes OTLP/HTTP from whoever shows a valid certificate, on a new connection for each request. */
export class OtlpServer {
  readonly requests: ReceivedRequest[] = [];
  refused = 0;

  private constructor(private readonly server: Server) {}

  /** @param port 0 for any */
  static async start({ certificate, key, bundle }: IssuedIdentity, port = 0): Promise<OtlpServer> {
    const server = createServer({
      cert: certificate,
      key,
      ca: bundle,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const receiver = new OtlpServer(server);
    server.on('tlsClientError', () => {
      receiver.refused += 1;
    });
    server.on('request', async (request, response) => {
      const peer = (request.socket as TLSSocket).getPeerCertificate();
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      receiver.requests.push({
        path: request.url ?? '',
        body: Buffer.concat(chunks).toString('latin1'),
        serialNumber: peer.serialNumber,
        spiffeId: peer.subjectaltname ?? '',
      });
      response.writeHead(200, { 'content-type': 'application/x-protobuf', connection: 'close' });
      response.end();
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The texts of all requests for one kind of telemetry, such as `traces`. */
  received(signal: 'traces' | 'metrics' | 'logs'): string {
    return this.requests
      .filter(({ path }) => path === `/v1/${signal}`)
      .map(({ body }) => body)
      .join('\n');
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}
