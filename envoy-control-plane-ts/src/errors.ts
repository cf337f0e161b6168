import { status } from '@grpc/grpc-js';

/**
 * The server ends a stream: the client gets `code` and the message, so the message says what the
 * client can do about it and nothing that it must not know.
 */
export abstract class StreamRefused extends Error {
  /** A gRPC status. */
  abstract readonly code: status;
}

/**
 * The authorizer refuses a stream. The client gets PERMISSION_DENIED with this message, so say in
 * it what the client lacks.
 */
export class PermissionDenied extends StreamRefused {
  override readonly name = 'PermissionDenied';
  readonly code = status.PERMISSION_DENIED;
}

/** The client sent what the protocol does not allow: INVALID_ARGUMENT. */
export class InvalidRequest extends StreamRefused {
  override readonly name = 'InvalidRequest';
  readonly code = status.INVALID_ARGUMENT;
}

/** The server has no configuration to serve yet: UNAVAILABLE, so that clients come back. */
export class NotReady extends StreamRefused {
  override readonly name = 'NotReady';
  readonly code = status.UNAVAILABLE;
}

/** More streams arrive than the server lets in: UNAVAILABLE, so that clients back off. */
export class Overloaded extends StreamRefused {
  override readonly name = 'Overloaded';
  readonly code = status.UNAVAILABLE;
}

/** The server is going away: UNAVAILABLE, so that clients look for another one. */
export class ShuttingDown extends StreamRefused {
  override readonly name = 'ShuttingDown';
  readonly code = status.UNAVAILABLE;
}

/** One client takes more than its share: RESOURCE_EXHAUSTED. */
export class LimitExceeded extends StreamRefused {
  override readonly name = 'LimitExceeded';
  readonly code = status.RESOURCE_EXHAUSTED;
}

/** The client has not taken a message for too long; its connection is cut, so it may see no status. */
export class ClientStalled extends StreamRefused {
  override readonly name = 'ClientStalled';
  readonly code = status.UNAVAILABLE;
}

/** Something failed here: INTERNAL, without telling the client what. `cause` is what was thrown. */
export class InternalFault extends StreamRefused {
  override readonly name = 'InternalFault';
  readonly code = status.INTERNAL;

  constructor(cause: unknown) {
    super('internal error', { cause });
  }
}
