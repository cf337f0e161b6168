import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConnectionInjector,
  type handleBidiStreamingCall,
  type MethodDefinition,
  Server,
} from '@grpc/grpc-js';
import { AdmissionQueue } from './admission.js';
import { ClientStatusService } from './client-status-service.js';
import { Connections } from './connections.js';
import { type CallOptions, DiscoveryCall } from './discovery-call.js';
import { ShuttingDown } from './errors.js';
import { Health } from './health.js';
import { OpenSessions } from './open-sessions.js';
import { withOversizeEvents } from './oversize.js';
import { PeerStreams } from './peer-streams.js';
import { PushQueue } from './push-queue.js';
import { readGates } from './read-gate.js';
import { ResponseEncoder } from './response-encoder.js';
import { type DiscoveryMethod, discoveryServices } from './services.js';
import type { NodeStatus, NodeSummary } from './status.js';
import { encodeDeltaResponse, encodeSotwResponse } from './wire.js';
import { defaultLimits, type Limits, type XdsServerOptions } from './xds-server-options.js';

/** Streams that end at shutdown are at least this far apart, if the grace has time for that. */
const endEveryMs = 2;

/** What a server carries now. */
export interface ServerLoad {
  readonly connections: number;
  /** Streams that have been let in. */
  readonly streams: number;
  /** Streams that wait to be let in. */
  readonly waiting: number;
}

/**
 * Serves xDS over gRPC: aggregated (ADS) and one stream for each type, state-of-the-world and
 * incremental. Beside it the gRPC health service.
 */
export class XdsServer {
  readonly #server: Server;
  readonly #injector: ConnectionInjector;
  readonly #connections: Connections;
  readonly #admission: AdmissionQueue;
  readonly #health: Health;
  readonly #calls = new Set<DiscoveryCall>();
  readonly #sessions = new OpenSessions();
  readonly #clientStatus: ClientStatusService;
  #closing: Promise<void> | undefined;

  constructor(options: XdsServerOptions) {
    const limits: Limits = { ...defaultLimits, ...options };
    const { notReady = () => undefined, hooks = {}, authorize, cache: source } = options;
    const { groupOf = ({ id }) => id } = options;
    this.#server = newServer(limits);
    this.#injector = this.#server.createConnectionInjector(options.credentials);
    this.#connections = new Connections(limits.connectionsMax, (socket) =>
      this.#injector.injectConnection(socket),
    );
    this.#admission = new AdmissionQueue(
      limits.streamsPerSecond,
      limits.streamBurst,
      limits.admissionWaitMs,
    );
    this.#health = new Health(
      () => notReady() === undefined,
      discoveryServices.map(({ name }) => name),
    );
    this.#server.addService(this.#health.definition, { ...this.#health.handlers });
    this.#clientStatus = new ClientStatusService({
      clients: () => this.#sessions.list(),
      source,
      authorize: options.authorizeStatus,
    });
    this.#server.addService(this.#clientStatus.definition, { ...this.#clientStatus.handlers });
    const shared: CallOptions = {
      ...limits,
      source,
      groupOf,
      authorize,
      notReady,
      hooks: withOversizeEvents(hooks, limits.oversizeBytes),
      admission: this.#admission,
      peers: new PeerStreams(limits.streamsPerPeerMax),
      encoders: {
        sotw: new ResponseEncoder(encodeSotwResponse),
        delta: new ResponseEncoder(encodeDeltaResponse),
      },
      pushes: new PushQueue(),
      sessions: this.#sessions,
      cut: (peerAddress) => this.#connections.cut(peerAddress),
    };
    for (const service of discoveryServices) {
      const methods = Object.entries(service.methods);
      this.#server.addService(
        Object.fromEntries(methods.map(([name, method]) => [name, definitionOf(method)])),
        Object.fromEntries(methods.map(([name, method]) => [name, this.#handler(method, shared)])),
      );
    }
  }

  /**
   * Starts to listen.
   * @param address `host:port`, port 0 for a free one, or `unix:/path`. Of a host name every address
   * is listened on.
   * @returns the port; 0 for a Unix socket.
   * @throws ListenError
   */
  listen(address: string): Promise<number> {
    return this.#connections.listen(address);
  }

  /** What each client has, resource by resource: one entry for each open stream, of one node or all. */
  status(nodeId?: string): NodeStatus[] {
    return Array.from(this.#sessions.list(nodeId), (session) => ({
      nodeId: session.nodeId,
      streamId: session.stream.streamId,
      variant: session.stream.variant,
      types: session.status(),
    }));
  }

  /** The same type by type: cheap enough to ask of a node after each of its answers. */
  summary(nodeId?: string): NodeSummary[] {
    return Array.from(this.#sessions.list(nodeId), (session) => session.summary());
  }

  load(): ServerLoad {
    const { waiting } = this.#admission;
    return {
      connections: this.#connections.size,
      streams: this.#calls.size - waiting,
      waiting,
    };
  }

  /**
   * Stops: takes no more connections and streams, ends every stream with UNAVAILABLE (clients keep
   * what they have and look for another server), and after `graceMs` cuts what is still open.
   * Streams end one after the other, in random order, in the first `jitter` (0 to 1, default 0.75)
   * of the grace, so that thousands of clients do not come to another server in one instant; few are
   * done sooner.
   */
  close(options: { readonly graceMs?: number; readonly jitter?: number } = {}): Promise<void> {
    const { graceMs = 2_000, jitter = 0.75 } = options;
    this.#closing ??= this.#close(graceMs, jitter * graceMs);
    return this.#closing;
  }

  async #close(graceMs: number, spreadMsMax: number): Promise<void> {
    const reason = new ShuttingDown('the server is shutting down');
    const grace = new AbortController();
    const cut = sleep(graceMs, undefined, { signal: grace.signal }).then(
      () => this.#connections.cutAll(),
      () => undefined,
    );
    this.#connections.stopListening();
    this.#admission.close(reason);
    this.#health.close();
    this.#clientStatus.close(reason);
    // GOAWAY: clients open no more streams on these connections, and those that are open go on.
    this.#injector.drain(graceMs);
    const ended = this.#endCalls(reason, spreadMsMax).then(() => {
      // Connections whose TLS handshake was under way before.
      this.#injector.drain(graceMs);
    });
    await this.#connections.empty();
    grace.abort();
    await Promise.all([cut, ended]);
    this.#server.forceShutdown();
  }

  async #endCalls(reason: ShuttingDown, spreadMsMax: number): Promise<void> {
    const calls = shuffled(this.#calls);
    const spreadMs = Math.min(spreadMsMax, calls.length * endEveryMs);
    const start = performance.now();
    for (const [index, call] of calls.entries()) {
      const dueIn = start + (spreadMs * index) / calls.length - performance.now();
      if (dueIn > 0) {
        await sleep(dueIn);
      }
      if (this.#calls.has(call)) {
        call.end(reason);
      }
    }
  }

  #handler(method: DiscoveryMethod, shared: CallOptions): handleBidiStreamingCall<Buffer, Buffer> {
    return (grpcCall) => {
      const call = new DiscoveryCall(grpcCall, method, shared);
      this.#calls.add(call);
      call.start(() => this.#calls.delete(call));
    };
  }
}

function newServer(limits: Limits): Server {
  return new Server({
    interceptors: [readGates],
    'grpc.max_receive_message_length': limits.requestBytesMax,
    'grpc.max_send_message_length': -1,
    // Counts every message and connection for a debugging service that is not offered here.
    'grpc.enable_channelz': 0,
    'grpc.max_concurrent_streams': limits.streamsPerConnectionMax,
    'grpc.keepalive_time_ms': limits.keepaliveMs,
    'grpc.keepalive_timeout_ms': Math.min(limits.keepaliveMs, 10_000),
  });
}

function shuffled<Item>(items: Iterable<Item>): Item[] {
  return Array.from(items, (item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
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
