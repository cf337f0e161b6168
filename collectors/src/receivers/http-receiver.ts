import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { TLSSocket } from 'node:tls';
import { listenHttp } from '@dotline/platform-process/listen-http';
import { SIGNALS, type Signal } from '../otlp/signal.js';
import type { Identity, IdentityFolder } from '../peer/identity.js';
import { ANYBODY, type Peer, PeerError, peerOf } from '../peer/peer.js';
import { BodyError, readBody } from './http-body.js';
import type { Ingest, Outcome } from './ingest.js';
import type { RefusedPeer } from './refused-peer.js';

const CONTENT_TYPE = 'application/x-protobuf';
const RETRY_AFTER_S = '1';
const CONNECTIONS_MAX = 1024;
/** Senders export every few seconds, and a TLS handshake costs more than their request. Sidecars end an idle connection 10 s earlier. */
const KEEP_ALIVE_MS = 75_000;

/** OTLP/HTTP with protobuf bodies. Without an identity it is plaintext, and peers are whoever they say. */
export class HttpReceiver {
  readonly #server: Server;
  readonly #ingest: Ingest;
  readonly #identity: IdentityFolder | undefined;
  readonly #refused: RefusedPeer;

  constructor(ingest: Ingest, identity: IdentityFolder | undefined, refused: RefusedPeer) {
    this.#ingest = ingest;
    this.#identity = identity;
    this.#refused = refused;
    const answer = (request: IncomingMessage, response: ServerResponse) =>
      void this.#answer(request, response);
    this.#server = identity === undefined ? createServer(answer) : tlsServer(identity, answer);
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS;
  }

  /** Starts to listen and returns the port. @throws Error when the address cannot be had */
  listen(host: string, port: number): Promise<number> {
    return listenHttp(this.#server, host, port);
  }

  /** Takes no more connections and ends when the requests that run have been answered. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
  }

  /** Cuts what is still open. */
  closeNow(): void {
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const signal = signalOf(request);
      const peer = this.#peerOf(request);
      respond(await this.#ingest.take(signal, await readBody(request), peer), response);
    } catch (error) {
      if (error instanceof BodyError) return refuse(request, response, error.status, error.message);
      if (error instanceof PeerError) return refuse(request, response, 403, error.message);
      refuse(request, response, 500, (error as Error).message);
    }
  }

  #peerOf(request: IncomingMessage): Peer {
    if (this.#identity === undefined) return ANYBODY;
    try {
      const { socket } = request;
      const certificate = socket instanceof TLSSocket ? socket.getPeerCertificate() : undefined;
      return peerOf(certificate?.subjectaltname, this.#identity.current.trustDomain);
    } catch (error) {
      if (error instanceof PeerError) this.#refused(error);
      throw error;
    }
  }
}

function tlsServer(
  folder: IdentityFolder,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  const context = ({ certificate, key, bundle }: Identity) => ({
    cert: certificate,
    key,
    ca: bundle,
  });
  const server = createTlsServer(
    { ...context(folder.current), requestCert: true, rejectUnauthorized: true },
    answer,
  );
  folder.listen((identity) => server.setSecureContext(context(identity)));
  return server;
}

function signalOf(request: IncomingMessage): Signal {
  const path = (request.url ?? '').split('?')[0];
  const signal = SIGNALS.find(({ httpPath }) => httpPath === path);
  if (signal === undefined) throw new BodyError(404, `${path} is none of OTLP's paths`);
  if (request.method !== 'POST') throw new BodyError(405, 'OTLP is sent by POST');
  if (request.headers['content-type']?.split(';')[0]?.trim() !== CONTENT_TYPE) {
    throw new BodyError(415, `Send ${CONTENT_TYPE}`);
  }
  return signal;
}

/** Codes as OTLP prescribes: https://opentelemetry.io/docs/specs/otlp/#failures-1 */
function respond(outcome: Outcome, response: ServerResponse): void {
  switch (outcome.kind) {
    case 'stored':
      response.writeHead(200, { 'content-type': CONTENT_TYPE });
      response.end(outcome.response);
      return;
    case 'malformed':
      response.writeHead(400, { 'content-type': 'text/plain' });
      response.end(outcome.message);
      return;
    case 'later':
      response.writeHead(503, { 'content-type': 'text/plain', 'retry-after': RETRY_AFTER_S });
      response.end(outcome.message);
  }
}

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  message: string,
): void {
  if (response.headersSent || response.destroyed) return;
  // What is left of an unread body would be taken for the next request.
  const close = request.complete ? {} : { connection: 'close' };
  response.writeHead(status, { 'content-type': 'text/plain', ...close });
  response.end(message);
}
