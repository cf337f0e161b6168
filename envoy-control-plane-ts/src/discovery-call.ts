import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { AdmissionQueue } from './admission.js';
import { DeltaSubscription } from './delta-subscription.js';
import {
  ClientStalled,
  InternalFault,
  InvalidRequest,
  LimitExceeded,
  NotReady,
  StreamRefused,
} from './errors.js';
import type { Node } from './gen/envoy/config/core/v3/base_pb.js';
import { callHook, type Hooks, type StreamInfo } from './hooks.js';
import type { OpenSessions } from './open-sessions.js';
import { type Peer, peerOf } from './peer.js';
import type { PeerStreams } from './peer-streams.js';
import type { PushQueue } from './push-queue.js';
import { RequestReader } from './request-reader.js';
import type { ResourceSource } from './resource-source.js';
import type { ResponseEncoder } from './response-encoder.js';
import { ResponseWriter } from './response-writer.js';
import type { DiscoveryMethod } from './services.js';
import { SotwSubscription } from './sotw-subscription.js';
import { StreamSession } from './stream-session.js';
import type { Subscription } from './subscription.js';
import { isKnownType, isTypeUrl, type TypeUrl } from './type-url.js';
import { warn } from './warn.js';
import { decodeDeltaRequest, decodeSotwRequest, type Incoming } from './wire.js';
import type { Authorizer, Limits } from './xds-server-options.js';

/** What the streams of a server share. */
export interface CallOptions extends Limits {
  readonly source: ResourceSource;
  readonly groupOf: (node: Node) => string;
  readonly hooks: Hooks;
  readonly authorize: Authorizer | undefined;
  readonly notReady: () => string | undefined;
  readonly admission: AdmissionQueue;
  readonly peers: PeerStreams;
  readonly encoders: Readonly<Record<DiscoveryMethod['variant'], ResponseEncoder>>;
  readonly pushes: PushQueue;
  readonly sessions: OpenSessions;
  /** Cuts the connection of a peer. */
  readonly cut: (peerAddress: string) => void;
}

/** What differs between the variants of the protocol. */
interface Variant<Request> {
  readonly subscription: (typeUrl: TypeUrl) => Subscription<Request>;
  readonly decode: (bytes: Buffer) => Incoming<Request>;
}

const sotw: Variant<Parameters<SotwSubscription['apply']>[0]> = {
  subscription: (typeUrl) => new SotwSubscription(typeUrl),
  decode: decodeSotwRequest,
};

const delta: Variant<Parameters<DeltaSubscription['apply']>[0]> = {
  subscription: (typeUrl) => new DeltaSubscription(typeUrl),
  decode: decodeDeltaRequest,
};

/** Types that are not of `TypeUrl`, which a stream may ask for, and how long their URLs may be. */
const otherTypesMax = 64;
const typeUrlLengthMax = 512;

let streamCount = 0;

/**
 * Runs one gRPC stream: waits for its admission, reads requests, lets the first one in or refuses
 * it, and hands the rest to a session.
 */
export class DiscoveryCall {
  readonly #call: ServerDuplexStream<Buffer, Buffer>;
  readonly #method: DiscoveryMethod;
  readonly #options: CallOptions;
  readonly #peer: Peer;
  readonly #writer: ResponseWriter;
  /** What is to be undone when the stream is over. */
  readonly #leave: (() => void)[] = [];
  #session: StreamSession<never> | undefined;
  #claimed: Node | undefined;
  readonly #otherTypes = new Set<TypeUrl>();
  /** There are not more names subscribed to than this. */
  #namesBound = 0;
  #ended = false;

  constructor(
    call: ServerDuplexStream<Buffer, Buffer>,
    method: DiscoveryMethod,
    options: CallOptions,
  ) {
    this.#call = call;
    this.#method = method;
    this.#options = options;
    this.#peer = peerOf(call);
    this.#writer = new ResponseWriter(call, options.stalledMs, () => this.#stalled());
  }

  /** Calls `closed` once, when the stream is over for whatever reason. */
  start(closed: () => void): void {
    this.#leave.push(closed);
    const over = () => {
      this.#writer.close();
      this.#finish();
    };
    this.#call.on('cancelled', over);
    this.#call.on('close', over);
    this.#call.on('error', () => this.#finish());
    this.#call.on('end', () => {
      this.#call.end();
      this.#finish();
    });
    this.#guarded(() => {
      this.#checkReady();
      this.#leave.push(this.#options.peers.take(this.#peer));
      const leave = this.#options.admission.enter({
        admitted: () => this.#guarded(() => this.#admitted()),
        refused: (reason) => this.#refuse(reason),
      });
      this.#leave.push(leave);
    });
  }

  /** Ends the stream; the client may come back at once, to this or another server. */
  end({ code, message: details }: StreamRefused): void {
    // Paused, the stream would never see its own end.
    this.#call.resume();
    this.#call.emit('error', Object.assign(new Error(details), { code, details }));
  }

  #admitted(): void {
    this.#checkReady();
    if (this.#method.variant === 'sotw') {
      this.#read(sotw);
    } else {
      this.#read(delta);
    }
  }

  /** @throws NotReady */
  #checkReady(): void {
    const reason = this.#options.notReady();
    if (reason !== undefined) {
      throw new NotReady(reason);
    }
  }

  #read<Request>(variant: Variant<Request>): void {
    const { namesPerRequestMax: namesMax, requestsPerSecond, requestBurst } = this.#options;
    const reader = new RequestReader(this.#call, {
      variant: this.#method.variant,
      decode: variant.decode,
      namesMax,
      requestsPerSecond,
      requestBurst,
    });
    this.#leave.push(() => reader.stop());
    let session: StreamSession<Request> | undefined;
    const first = (incoming: Incoming<Request>, names: number) => {
      const node = this.#nodeOf(incoming);
      const open = () => {
        if (this.#ended) {
          return;
        }
        session = this.#open(variant, node);
        this.#handle(session, incoming, names);
      };
      const authorized = this.#options.authorize?.({ peer: this.#peer, node });
      // Most authorizers decide at once; only for one that does not is the stream held.
      if (authorized !== undefined) {
        return authorized.then(open);
      }
      open();
      return undefined;
    };
    reader.start(
      (incoming, names) => {
        if (session === undefined) {
          return first(incoming, names);
        }
        this.#handle(session, incoming, names);
        return undefined;
      },
      (error) => this.#refuse(error),
    );
  }

  /** @throws InvalidRequest */
  #nodeOf({ node }: Incoming<unknown>): Node {
    if (node === undefined || node.id === '') {
      throw new InvalidRequest('the first request of a stream must carry node.id');
    }
    this.#claimed = node;
    return node;
  }

  #open<Request>(variant: Variant<Request>, node: Node): StreamSession<Request> {
    streamCount += 1;
    const stream: StreamInfo = {
      streamId: streamCount,
      method: this.#method.path,
      variant: this.#method.variant,
      peer: this.#peer,
      node,
    };
    const { source, groupOf, hooks, responseBytesMax, phaseWaitMs, encoders, pushes } =
      this.#options;
    const session = new StreamSession({
      subscription: variant.subscription,
      encoder: encoders[this.#method.variant],
      pushes,
      stream,
      source,
      group: groupOf(node),
      hooks,
      responseBytesMax,
      phaseWaitMs,
      failed: (error) => this.#refuse(error),
      write: (message, flushed) =>
        this.#writer.write(message, () => {
          if (!this.#ended) {
            flushed();
          }
        }),
    });
    this.#session = session;
    this.#leave.push(this.#options.sessions.add(session));
    callHook(hooks.streamOpened, stream);
    return session;
  }

  #handle<Request>(
    session: StreamSession<Request>,
    { node, typeUrl: url, request }: Incoming<Request>,
    names: number,
  ): void {
    // "Only the first request on a stream is guaranteed to carry the node identifier. The subsequent
    // discovery requests on the same stream may carry an empty node identifier."
    if (node !== undefined && node.id !== '' && node.id !== session.nodeId) {
      throw new InvalidRequest(
        `this stream is that of node ${session.nodeId}, and cannot become that of ${node.id}`,
      );
    }
    const typeUrl = this.#typeOf(url);
    // What is no type may be something that the client can do without.
    if (typeUrl === undefined) {
      return;
    }
    this.#limitTypes(typeUrl);
    session.request(typeUrl, request);
    this.#limitNames(session, names);
  }

  #typeOf(url: string): TypeUrl | undefined {
    const { only } = this.#method;
    if (only !== undefined && url !== '' && url !== only) {
      throw new InvalidRequest(`this stream is for ${only}, not ${url}`);
    }
    if (only === undefined && url === '') {
      throw new InvalidRequest('a request on an aggregated stream must carry type_url');
    }
    return only ?? (isTypeUrl(url) ? url : undefined);
  }

  /** @throws LimitExceeded */
  #limitTypes(typeUrl: TypeUrl): void {
    if (isKnownType(typeUrl) || this.#otherTypes.has(typeUrl)) {
      return;
    }
    if (typeUrl.length > typeUrlLengthMax) {
      throw new LimitExceeded(`a type_url may have ${typeUrlLengthMax} characters`);
    }
    if (this.#otherTypes.size >= otherTypesMax) {
      throw new LimitExceeded(
        `the stream may ask for ${otherTypesMax} types besides those of Envoy's discovery services`,
      );
    }
    this.#otherTypes.add(typeUrl);
  }

  /**
   * Counts what is subscribed to only when so many names have come in that it could be too much.
   * @throws LimitExceeded
   */
  #limitNames(session: StreamSession<never>, names: number): void {
    const { namesPerStreamMax } = this.#options;
    this.#namesBound += names;
    if (this.#namesBound > namesPerStreamMax) {
      this.#namesBound = session.nameCount();
    }
    if (this.#namesBound > namesPerStreamMax) {
      throw new LimitExceeded(
        `the stream subscribes to ${this.#namesBound} resource names, and may to ${namesPerStreamMax}`,
      );
    }
  }

  /** What waits to be written keeps any status from being written too, so the connection has to go. */
  #stalled(): void {
    if (!this.#ended) {
      this.#refuse(new ClientStalled(`no message was taken in ${this.#options.stalledMs} ms`));
    }
    this.#options.cut(this.#peer.address);
  }

  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#refuse(error);
    }
  }

  #refuse(cause: unknown): void {
    const error = refusalOf(cause);
    const node = this.#session?.stream.node ?? this.#claimed;
    callHook(this.#options.hooks.streamRefused, {
      method: this.#method.path,
      peer: this.#peer,
      ...(node !== undefined && { node }),
      error,
    });
    if (!this.#ended) {
      this.end(error);
    }
  }

  #finish(): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    for (const leave of this.#leave) {
      leave();
    }
    if (this.#session !== undefined) {
      this.#session.close();
      callHook(this.#options.hooks.streamClosed, this.#session.stream);
    }
  }
}

/** Fails closed: what is not meant for the client is told to the process instead. */
function refusalOf(error: unknown): StreamRefused {
  if (error instanceof StreamRefused) {
    return error;
  }
  warn('XdsStreamWarning', error);
  return new InternalFault(error);
}
