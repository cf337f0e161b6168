import type { StreamRefused } from './errors.js';
import type { Node } from './gen/envoy/config/core/v3/base_pb.js';
import type { Peer } from './peer.js';
import type { Rejection, Update } from './subscription.js';
import type { TypeUrl } from './type-url.js';
import { warn } from './warn.js';

/** A stream of one client. `node` is what the client says; only `peer` is verified. */
export interface StreamInfo {
  /** Unique in this process. */
  readonly streamId: number;
  /** The gRPC method, such as `/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources`. */
  readonly method: string;
  readonly variant: 'sotw' | 'delta';
  readonly peer: Peer;
  readonly node: Node;
}

/**
 * A stream that the server ended, or did not let in. Who may not have what it asks for has an
 * `error` that is a `PermissionDenied`: the event then belongs into an audit log.
 */
export interface RefusalEvent {
  readonly method: string;
  readonly peer: Peer;
  /** The node that the client said it is, if it came so far. */
  readonly node?: Node;
  /** What the client got: `code` is the gRPC status, `message` its text. */
  readonly error: StreamRefused;
}

export interface RequestEvent {
  readonly stream: StreamInfo;
  readonly typeUrl: TypeUrl;
  /** Names asked for after this request; '*' among them for a wildcard. */
  readonly names: readonly string[];
}

export interface ResponseEvent {
  readonly stream: StreamInfo;
  readonly typeUrl: TypeUrl;
  readonly nonce: string;
  readonly update: Update;
}

export interface RespondedEvent extends ResponseEvent {
  /** The size of the message. */
  readonly bytes: number;
}

/** A response that gRPC clients may be unable to read: see `XdsServerOptions.oversizeBytes`. */
export interface OversizeEvent extends RespondedEvent {
  /** The largest of its resources. */
  readonly largest: { readonly name: string; readonly bytes: number } | undefined;
}

export interface NackEvent extends ResponseEvent {
  readonly rejection: Rejection;
  /** The response is being sent again in parts to find the bad resource; further NACKs will name it. */
  readonly retried: boolean;
}

export interface StatusEvent {
  readonly nodeId: string;
  readonly typeUrl: TypeUrl;
}

/**
 * Told what happens on the streams. Called synchronously, so do little; what a hook throws is
 * reported as a process warning and does not reach the stream.
 */
export interface Hooks {
  /** The first request was accepted. */
  readonly streamOpened?: (stream: StreamInfo) => void;
  readonly streamRefused?: (event: RefusalEvent) => void;
  readonly request?: (event: RequestEvent) => void;
  readonly responded?: (event: RespondedEvent) => void;
  readonly oversize?: (event: OversizeEvent) => void;
  readonly acked?: (event: ResponseEvent) => void;
  readonly nacked?: (event: NackEvent) => void;
  /** The status of a node's resources of one type has changed: see `XdsServer.status`. */
  readonly statusChanged?: (event: StatusEvent) => void;
  readonly streamClosed?: (stream: StreamInfo) => void;
}

/** Calls a hook so that what it throws stays outside the protocol. */
export function callHook<Event>(hook: ((event: Event) => void) | undefined, event: Event): void {
  try {
    hook?.(event);
  } catch (error) {
    warn('XdsHookWarning', error);
  }
}
