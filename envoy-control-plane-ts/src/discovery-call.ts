import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import { DeltaSubscription } from './delta-subscription.js';
import { PermissionDenied } from './errors.js';
import type { Node } from './gen/envoy/config/core/v3/base_pb.js';
import { callHook, type Hooks, type StreamInfo } from './hooks.js';
import { type Peer, peerOf } from './peer.js';
import type { PushQueue } from './push-queue.js';
import type { ResourceSource } from './resource-source.js';
import type { ResponseEncoder } from './response-encoder.js';
import type { DiscoveryMethod } from './services.js';
import { SotwSubscription } from './sotw-subscription.js';
import { StreamSession } from './stream-session.js';
import type { Subscription } from './subscription.js';
import { isTypeUrl, type TypeUrl } from './type-url.js';
import { warn } from './warn.js';
import { decodeDeltaRequest, decodeSotwRequest, type Incoming } from './wire.js';

/** Decides whether a client may have the resources of the node that it says it is. */
export type Authorizer = (client: {
  readonly peer: Peer;
  readonly node: Node;
}) => void | Promise<void>;

export interface CallOptions {
  readonly source: ResourceSource;
  readonly hooks: Hooks;
  readonly authorize: Authorizer | undefined;
  readonly responseBytesMax: number;
  readonly phaseWaitMs: number;
  readonly encoders: Readonly<Record<DiscoveryMethod['variant'], ResponseEncoder>>;
  readonly pushes: PushQueue;
}

export type Call = ServerDuplexStream<Buffer, Buffer>;

/** A stream that the server ends, with the status that the client sees. */
class StreamRefusal extends Error {
  constructor(
    readonly code: status,
    message: string,
  ) {
    super(message);
  }
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

let streamCount = 0;

/**
 * Runs one gRPC stream: reads requests, lets the first one in or refuses it, and hands the rest to
 * a session.
 */
export class DiscoveryCall {
  readonly #call: Call;
  readonly #method: DiscoveryMethod;
  readonly #options: CallOptions;
  #session: Pick<StreamSession<never>, 'stream' | 'status' | 'nodeId' | 'close'> | undefined;
  #claimedNodeId: string | undefined;
  #ended = false;

  constructor(call: Call, method: DiscoveryMethod, options: CallOptions) {
    this.#call = call;
    this.#method = method;
    this.#options = options;
  }

  /** Calls `closed` once, when the stream is over for whatever reason. */
  start(closed: () => void): void {
    const over = () => {
      if (this.#finish()) {
        closed();
      }
    };
    this.#call.on('cancelled', over);
    this.#call.on('error', over);
    this.#call.on('close', over);
    this.#call.on('end', () => {
      this.#call.end();
      over();
    });
    if (this.#method.variant === 'sotw') {
      this.#read(sotw);
    } else {
      this.#read(delta);
    }
  }

  get session(): Pick<StreamSession<never>, 'stream' | 'status' | 'nodeId'> | undefined {
    return this.#session;
  }

  /** Ends the stream; the client may come back at once, to this or another server. */
  end(code: status, details: string): void {
    // Paused, the stream would never see its own end.
    this.#call.resume();
    this.#call.emit('error', Object.assign(new Error(details), { code, details }));
  }

  #read<Request>(variant: Variant<Request>): void {
    let session: StreamSession<Request> | undefined;
    this.#call.on('data', (bytes: Buffer) => {
      if (this.#ended) {
        return;
      }
      try {
        const incoming = decoded(variant, bytes);
        if (session !== undefined) {
          this.#handle(session, incoming);
          return;
        }
        // No further request is read until the first one has been let in.
        this.#call.pause();
        this.#open(variant, incoming).then(
          (opened) => {
            if (this.#ended) {
              opened.close();
              return;
            }
            session = opened;
            this.#session = opened;
            callHook(this.#options.hooks.streamOpened, opened.stream);
            this.#guarded(() => this.#handle(opened, incoming));
            this.#call.resume();
          },
          (error: unknown) => this.#refuse(error),
        );
      } catch (error) {
        this.#refuse(error);
      }
    });
  }

  async #open<Request>(
    variant: Variant<Request>,
    { node }: Incoming<Request>,
  ): Promise<StreamSession<Request>> {
    if (node === undefined || node.id === '') {
      throw new StreamRefusal(
        status.INVALID_ARGUMENT,
        'the first request of a stream must carry node.id',
      );
    }
    this.#claimedNodeId = node.id;
    const peer = peerOf(this.#call);
    await this.#options.authorize?.({ peer, node });
    streamCount += 1;
    const stream: StreamInfo = {
      streamId: streamCount,
      method: this.#method.path,
      variant: this.#method.variant,
      peer,
      node,
    };
    const { source, hooks, responseBytesMax, phaseWaitMs, encoders, pushes } = this.#options;
    return new StreamSession({
      subscription: variant.subscription,
      encoder: encoders[this.#method.variant],
      pushes,
      stream,
      source,
      hooks,
      responseBytesMax,
      phaseWaitMs,
      write: (message, flushed) => this.#write(message, flushed),
    });
  }

  #handle<Request>(session: StreamSession<Request>, incoming: Incoming<Request>): void {
    const typeUrl = this.#typeOf(incoming.typeUrl);
    // A type that this server does not know may be one that the client can do without.
    if (typeUrl !== undefined) {
      session.request(typeUrl, incoming.request);
    }
  }

  #typeOf(url: string): TypeUrl | undefined {
    const { only } = this.#method;
    if (only !== undefined && url !== '' && url !== only) {
      throw new StreamRefusal(status.INVALID_ARGUMENT, `this stream is for ${only}, not ${url}`);
    }
    if (only === undefined && url === '') {
      throw new StreamRefusal(
        status.INVALID_ARGUMENT,
        'a request on an aggregated stream must carry type_url',
      );
    }
    return only ?? (isTypeUrl(url) ? url : undefined);
  }

  /** `flushed` is called when the message has left for the socket, so a slow client holds us. */
  #write(message: Buffer, flushed: () => void): void {
    this.#call.write(message, (error?: Error | null) => {
      if (!error && !this.#ended) {
        flushed();
      }
    });
  }

  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#refuse(error);
    }
  }

  #refuse(error: unknown): void {
    const { code, message } = refusalOf(error);
    const nodeId = this.#session?.nodeId ?? this.#claimedNodeId;
    callHook(this.#options.hooks.streamRefused, {
      method: this.#method.path,
      peer: peerOf(this.#call),
      ...(nodeId !== undefined && { nodeId }),
      code,
      message,
    });
    this.end(code, message);
  }

  #finish(): boolean {
    if (this.#ended) {
      return false;
    }
    this.#ended = true;
    if (this.#session !== undefined) {
      this.#session.close();
      callHook(this.#options.hooks.streamClosed, this.#session.stream);
    }
    return true;
  }
}

/** Fails closed: what is not meant for the client is told to the process instead. */
function refusalOf(error: unknown): { readonly code: status; readonly message: string } {
  if (error instanceof StreamRefusal) {
    return error;
  }
  if (error instanceof PermissionDenied) {
    return { code: status.PERMISSION_DENIED, message: error.message };
  }
  warn('XdsStreamWarning', error);
  return { code: status.INTERNAL, message: 'internal error' };
}

function decoded<Request>(variant: Variant<Request>, bytes: Buffer): Incoming<Request> {
  try {
    return variant.decode(bytes);
  } catch {
    throw new StreamRefusal(status.INVALID_ARGUMENT, 'the request cannot be decoded');
  }
}
