import { status } from '@grpc/grpc-js';
import {
  ClientStalled,
  type Hooks,
  type OversizeEvent,
  PermissionDenied,
  type RefusalEvent,
  type StreamInfo,
} from 'envoy-control-plane-ts';
import type { Logger } from 'pino';
import { type Metrics, typeLabel } from './metrics.js';

/**
 * Measures the streams of sidecars: who is let in and who is not, how large responses are and how
 * soon they are answered. A refusal for want of permission is an audit line: who came, by its
 * certificate, and who it said it was.
 */
export class StreamMeter {
  /** By stream and nonce, when a response went out; the server bounds how many wait for an answer. */
  readonly #sentAt = new Map<number, Map<string, number>>();

  constructor(
    private readonly parts: { readonly metrics: Metrics; readonly log: Logger },
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** The hooks with the measuring added. */
  following(hooks: Hooks): Hooks {
    const { metrics } = this.parts;
    return {
      ...hooks,
      streamOpened: (stream) => {
        metrics.admittedStreams.inc();
        this.#sentAt.set(stream.streamId, new Map());
        hooks.streamOpened?.(stream);
      },
      responded: (event) => {
        metrics.responseBytes.observe({ type: typeLabel(event.typeUrl) }, event.bytes);
        this.#sentAt.get(event.stream.streamId)?.set(event.nonce, this.now());
        hooks.responded?.(event);
      },
      acked: (event) => {
        this.#answered(event);
        hooks.acked?.(event);
      },
      nacked: (event) => {
        this.#answered(event);
        hooks.nacked?.(event);
      },
      streamClosed: (stream) => {
        this.#sentAt.delete(stream.streamId);
        hooks.streamClosed?.(stream);
      },
      streamRefused: (event) => {
        this.#refused(event);
        hooks.streamRefused?.(event);
      },
      oversize: (event) => {
        this.#oversize(event);
        hooks.oversize?.(event);
      },
    };
  }

  #answered(event: {
    readonly stream: StreamInfo;
    readonly typeUrl: string;
    readonly nonce: string;
  }): void {
    const sentAt = this.#sentAt.get(event.stream.streamId);
    const at = sentAt?.get(event.nonce);
    if (sentAt === undefined || at === undefined) return;
    sentAt.delete(event.nonce);
    const seconds = (this.now() - at) / 1_000;
    this.parts.metrics.pushSeconds.observe({ type: typeLabel(event.typeUrl) }, seconds);
  }

  #refused({ peer, node, method, error }: RefusalEvent): void {
    const { metrics, log } = this.parts;
    const code = status[error.code];
    metrics.refusedStreams.inc({ code });
    const facts = {
      code,
      reason: error.message,
      peer: { address: peer.address, uris: peer.uris },
      claimed: node && { node: node.id, cluster: node.cluster },
      method,
    };
    if (error instanceof PermissionDenied) {
      log.warn({ audit: 'sidecar-refused', ...facts }, 'a sidecar is refused');
    } else if (error instanceof ClientStalled) {
      log.warn(facts, 'a sidecar takes no messages: its connection is cut');
    } else {
      // A wave of clients that are to come back later must not become a wave of log lines.
      log.debug(facts, 'a stream is ended');
    }
  }

  #oversize({ stream, typeUrl, bytes, largest }: OversizeEvent): void {
    const type = typeLabel(typeUrl);
    this.parts.metrics.oversizeResponses.inc({ type });
    this.parts.log.warn(
      { node: stream.node.id, type, bytes, largest },
      `a response is so large (${bytes} bytes) that gRPC clients may not be able to read it`,
    );
  }
}
