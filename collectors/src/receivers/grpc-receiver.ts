import {
  experimental,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { SIGNALS, type Signal } from '../otlp/signal.js';
import type { IdentityFolder } from '../peer/identity.js';
import { ANYBODY, type Peer, PeerError, peerOf } from '../peer/peer.js';
import { GrpcIdentityProvider } from './grpc-identity-provider.js';
import { type Ingest, MESSAGE_BYTES_MAX, type Outcome } from './ingest.js';
import type { RefusedPeer } from './refused-peer.js';

const BOUNDS = {
  'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  'grpc.max_concurrent_streams': 256,
  // A peer shows its certificate anew at least this often.
  'grpc.max_connection_age_ms': 30 * 60 * 1000,
  'grpc.max_connection_age_grace_ms': 30 * 1000,
  'grpc.keepalive_time_ms': 60_000,
};

type ExportCall = ServerUnaryCall<Buffer, Uint8Array>;

/** OTLP/gRPC. Without an identity it is plaintext, and peers are whoever they say. */
export class GrpcReceiver {
  readonly #server = new Server(BOUNDS);
  readonly #identity: IdentityFolder | undefined;
  readonly #ingest: Ingest;
  readonly #refused: RefusedPeer;

  constructor(ingest: Ingest, identity: IdentityFolder | undefined, refused: RefusedPeer) {
    this.#ingest = ingest;
    this.#identity = identity;
    this.#refused = refused;
    for (const signal of SIGNALS) {
      this.#server.addService(exportService(signal), {
        Export: (call: ExportCall, callback: sendUnaryData<Uint8Array>) =>
          void this.#answer(signal, call, callback),
      });
    }
  }

  /** Starts to listen and returns the port. @throws Error when the address cannot be had */
  listen(address: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, this.#credentials(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  /** Takes no more connections and ends when the calls that run have been answered. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#server.tryShutdown(() => resolve()));
  }

  /** Cuts what is still open. */
  closeNow(): void {
    this.#server.forceShutdown();
  }

  #credentials(): ServerCredentials {
    if (this.#identity === undefined) return ServerCredentials.createInsecure();
    const provider = new GrpcIdentityProvider(this.#identity);
    return experimental.createCertificateProviderServerCredentials(provider, provider, true);
  }

  async #answer(
    signal: Signal,
    call: ExportCall,
    callback: sendUnaryData<Uint8Array>,
  ): Promise<void> {
    try {
      const outcome = await this.#ingest.take(signal, call.request, this.#peerOf(call));
      respond(outcome, callback);
    } catch (error) {
      const code = error instanceof PeerError ? status.PERMISSION_DENIED : status.INTERNAL;
      callback({ code, details: (error as Error).message });
    }
  }

  #peerOf(call: ExportCall): Peer {
    if (this.#identity === undefined) return ANYBODY;
    try {
      const { subjectaltname } = call.getAuthContext().sslPeerCertificate ?? {};
      return peerOf(subjectaltname, this.#identity.current.trustDomain);
    } catch (error) {
      if (error instanceof PeerError) this.#refused(error);
      throw error;
    }
  }
}

/** Codes as OTLP prescribes: https://opentelemetry.io/docs/specs/otlp/#failures */
function respond(outcome: Outcome, callback: sendUnaryData<Uint8Array>): void {
  if (outcome.kind === 'stored') callback(null, outcome.response);
  else callback({ code: CODES[outcome.kind], details: outcome.message });
}

const CODES = { malformed: status.INVALID_ARGUMENT, later: status.UNAVAILABLE } as const;

/** Requests stay bytes here, because their hash is what recognises a repeated one. */
function exportService(signal: Signal): ServiceDefinition {
  const bytes = (value: Uint8Array) => Buffer.from(value.buffer, value.byteOffset, value.length);
  return {
    Export: {
      path: signal.grpcPath,
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: (value: Buffer) => value,
      responseSerialize: bytes,
      responseDeserialize: (value: Buffer) => value,
    },
  };
}
