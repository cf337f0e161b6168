import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { createServer, type Socket, connect as tcpConnect } from 'node:net';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from '../gen/envoy/service/discovery/v3/discovery_pb.js';

export type DeltaRequestInit = MessageInitShape<typeof DeltaDiscoveryRequestSchema>;

const deltaAds = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

/** What a gRPC call ended with. -1 when the connection broke before there was a status. */
export interface Ending {
  readonly code: number;
  readonly message: string;
}

/**
 * A connection of HTTP/2 frames without a gRPC library, for tests of what no library would send, and
 * of very many streams.
 */
export class LightConnection {
  readonly #session: ClientHttp2Session;

  /** @param windowBytes how much may be sent to this client before it has read it. */
  constructor(port: number, windowBytes = 1024 * 1024) {
    this.#session = connect(`http://127.0.0.1:${port}`, {
      settings: { initialWindowSize: windowBytes },
    });
    this.#session.on('error', () => undefined);
    this.#session.once('connect', () => this.#session.setLocalWindowSize(windowBytes));
  }

  stream(path = deltaAds): LightStream {
    return new LightStream(
      this.#session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      }),
    );
  }

  /** Not at once: a session that is destroyed while Node reads from it corrupts Node's memory. */
  close(): void {
    setImmediate(() => this.#session.destroy());
  }
}

export class LightStream {
  /** Called with each response; by default they are dropped. */
  received: (response: DeltaDiscoveryResponse) => void = () => undefined;
  readonly ended: Promise<Ending>;
  #unread: Buffer = Buffer.alloc(0);

  constructor(private readonly stream: ClientHttp2Stream) {
    let ending: Ending | undefined;
    const note = (headers: Record<string, unknown>) => {
      if (headers['grpc-status'] !== undefined) {
        const message = decodeURI(String(headers['grpc-message'] ?? ''));
        ending = { code: Number(headers['grpc-status']), message };
      }
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('error', () => undefined);
    stream.on('data', (bytes: Buffer) => this.#read(bytes));
    // The server has said its last word; without this the stream would stay half open.
    stream.on('end', () => stream.close());
    this.ended = new Promise((resolve) => {
      stream.once('close', () => resolve(ending ?? { code: -1, message: 'cut' }));
    });
  }

  send(request: DeltaRequestInit): boolean {
    return this.sendBytes(encodeDelta(create(DeltaDiscoveryRequestSchema, request)));
  }

  /** False when the bytes wait because the server does not read. */
  sendBytes(message: Uint8Array): boolean {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    return this.stream.write(Buffer.concat([head, message]));
  }

  drained(): Promise<unknown> {
    return Promise.race([once(this.stream, 'drain'), this.ended]);
  }

  /** Accepts a response. */
  acknowledge({ typeUrl, nonce }: DeltaDiscoveryResponse): void {
    this.send({ typeUrl, responseNonce: nonce });
  }

  /** Stops reading; the window then closes. */
  pause(): void {
    this.stream.pause();
  }

  close(): void {
    this.stream.destroy();
  }

  #read(bytes: Buffer): void {
    this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    while (this.#unread.length >= 5) {
      const end = 5 + this.#unread.readUInt32BE(1);
      if (this.#unread.length < end) {
        return;
      }
      const message = this.#unread.subarray(5, end);
      this.#unread = this.#unread.subarray(end);
      this.received(fromBinary(DeltaDiscoveryResponseSchema, message));
    }
  }
}

export function encodeDelta(request: DeltaDiscoveryRequest): Uint8Array {
  return toBinary(DeltaDiscoveryRequestSchema, request);
}

/** Stands between clients and a server, and can stop carrying what the server sends. */
export class Bottleneck {
  readonly #sockets = new Set<Socket>();
  readonly #upstream = new Set<Socket>();

  private constructor(private readonly server: ReturnType<typeof createServer>) {}

  static async before(port: number): Promise<Bottleneck> {
    const server = createServer();
    const bottleneck = new Bottleneck(server);
    server.on('connection', (client) => {
      const upstream = tcpConnect(port, '127.0.0.1');
      bottleneck.#upstream.add(upstream);
      for (const socket of [client, upstream]) {
        bottleneck.#sockets.add(socket);
        socket.on('error', () => undefined);
      }
      client.pipe(upstream).pipe(client);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return bottleneck;
  }

  get port(): number {
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** From now on the server's bytes stay in its kernel, until there is no more room. */
  choke(): void {
    for (const socket of this.#upstream) {
      socket.unpipe();
      socket.pause();
    }
  }

  close(): void {
    this.server.close();
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }
}
