import {
  type handleBidiStreamingCall,
  type MethodDefinition,
  Server,
  type ServerCredentials,
  status,
} from '@grpc/grpc-js';
import { type Authorizer, DiscoveryCall } from './discovery-call.js';
import type { Hooks } from './hooks.js';
import { PushQueue } from './push-queue.js';
import type { ResourceSource } from './resource-source.js';
import { ResponseEncoder } from './response-encoder.js';
import { type DiscoveryMethod, discoveryServices } from './services.js';
import type { NodeStatus } from './status.js';
import { encodeDeltaResponse, encodeSotwResponse } from './wire.js';

export interface XdsServerOptions {
  /** Where the resources come from: a `SnapshotCache` or a source of your own. */
  readonly cache: ResourceSource;
  /** From grpc-js: `ServerCredentials.createInsecure()`, or `createSsl` with roots for mTLS. */
  readonly credentials: ServerCredentials;
  /**
   * Called with the first request of each stream, before anything is sent. Throw `PermissionDenied`
   * to refuse; anything else that is thrown refuses too, without telling the client why. Without an
   * authorizer every client may have the resources of any node it names.
   */
  readonly authorize?: Authorizer;
  readonly hooks?: Hooks;
  /** The largest request that is read. Default 16 MiB: the names and versions of 100,000 resources. */
  readonly requestBytesMax?: number;
  /**
   * How large a response may get before the rest goes into another one, where the protocol lets
   * responses be split. Default 3 MiB, since gRPC clients read up to 4 MiB by default.
   */
  readonly responseBytesMax?: number;
  /**
   * Make before break: routes wait until the client has new clusters ready, removals wait until the
   * client has the new routes. For at most so long; then the change goes on. Default 10,000 ms.
   */
  readonly phaseWaitMs?: number;
  /** Streams of one connection. Default 32. */
  readonly streamsPerConnectionMax?: number;
  /** How often an idle connection is probed; a dead one is closed. Default 30,000 ms. */
  readonly keepaliveMs?: number;
}

/**
 * Serves xDS over gRPC: aggregated (ADS) and one stream for each type, state-of-the-world and
 * incremental.
 */
export class XdsServer {
  readonly #options: XdsServerOptions;
  readonly #server: Server;
  readonly #calls = new Set<DiscoveryCall>();
  readonly #pushes = new PushQueue();
  readonly #encoders = {
    sotw: new ResponseEncoder(encodeSotwResponse),
    delta: new ResponseEncoder(encodeDeltaResponse),
  };
  #closing: Promise<void> | undefined;

  constructor(options: XdsServerOptions) {
    this.#options = options;
    const keepaliveMs = options.keepaliveMs ?? 30_000;
    this.#server = new Server({
      'grpc.max_receive_message_length': options.requestBytesMax ?? 16 * 1024 * 1024,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': options.streamsPerConnectionMax ?? 32,
      'grpc.keepalive_time_ms': keepaliveMs,
      'grpc.keepalive_timeout_ms': Math.min(keepaliveMs, 10_000),
    });
    for (const service of discoveryServices) {
      const methods = Object.entries(service.methods);
      this.#server.addService(
        Object.fromEntries(methods.map(([name, method]) => [name, definitionOf(method)])),
        Object.fromEntries(methods.map(([name, method]) => [name, this.#handler(method)])),
      );
    }
  }

  /**
   * Starts to listen.
   * @param address `host:port`, port 0 for a free one, or `unix:/path`.
   * @returns the port.
   */
  listen(address: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, this.#options.credentials, (error, port) => {
        if (error) {
          reject(error);
        } else {
          resolve(port);
        }
      });
    });
  }

  /** What each client has, as plain data: one entry for each open stream. */
  status(): NodeStatus[] {
    const all: NodeStatus[] = [];
    for (const { session } of this.#calls) {
      if (session !== undefined) {
        const { streamId, variant } = session.stream;
        all.push({ nodeId: session.nodeId, streamId, variant, types: session.status() });
      }
    }
    return all;
  }

  /**
   * Stops: takes no more connections, ends every stream with UNAVAILABLE (clients keep what they
   * have and look for another server), and after `graceMs` cuts what is still open.
   */
  close({ graceMs = 2_000 }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      const cut = setTimeout(() => this.#server.forceShutdown(), graceMs);
      this.#server.tryShutdown(() => {
        clearTimeout(cut);
        resolve();
      });
      for (const call of [...this.#calls]) {
        call.end(status.UNAVAILABLE, 'the server is shutting down');
      }
    });
    return this.#closing;
  }

  #handler(method: DiscoveryMethod): handleBidiStreamingCall<Buffer, Buffer> {
    const { cache, hooks = {}, authorize, responseBytesMax, phaseWaitMs } = this.#options;
    return (grpcCall) => {
      const call = new DiscoveryCall(grpcCall, method, {
        source: cache,
        hooks,
        authorize,
        responseBytesMax: responseBytesMax ?? 3 * 1024 * 1024,
        phaseWaitMs: phaseWaitMs ?? 10_000,
        encoders: this.#encoders,
        pushes: this.#pushes,
      });
      this.#calls.add(call);
      call.start(() => this.#calls.delete(call));
    };
  }
}

/** Messages cross the gRPC library as bytes: responses are encoded in `wire.ts`. */
function definitionOf({ path }: DiscoveryMethod): MethodDefinition<Buffer, Buffer> {
  const bytes = (value: Buffer) => value;
  return {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
}
