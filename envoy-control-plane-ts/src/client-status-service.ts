import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type {
  handleBidiStreamingCall,
  handleUnaryCall,
  ServerDuplexStream,
  ServiceDefinition,
} from '@grpc/grpc-js';
import { type ConnectedClient, clientConfigs } from './client-status.js';
import { InternalFault, InvalidRequest, PermissionDenied, StreamRefused } from './errors.js';
import {
  type ClientStatusRequest,
  ClientStatusRequestSchema,
  type ClientStatusResponse,
  ClientStatusResponseSchema,
} from './gen/envoy/service/status/v3/csds_pb.js';
import { type PeerOfCall, peerOf } from './peer.js';
import type { ResourceSource } from './resource-source.js';
import { warn } from './warn.js';
import type { StatusAuthorizer } from './xds-server-options.js';

const SERVICE = 'envoy.service.status.v3.ClientStatusDiscoveryService';

/** Messages cross the gRPC library as bytes, so that what cannot be read is refused here. */
const bytes = (value: Buffer) => value;
const codec = {
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};

export interface ClientStatusParts {
  readonly clients: () => Iterable<ConnectedClient>;
  readonly source: ResourceSource;
  /** Without one, nobody is told anything. */
  readonly authorize: StatusAuthorizer | undefined;
}

/**
 * Client status discovery (CSDS): what the server holds for each node, and how far the node is with
 * it. Each request is answered once, from the state at that moment.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/status/v3/csds.proto
 */
export class ClientStatusService {
  readonly #parts: ClientStatusParts;
  readonly #open = new Set<ServerDuplexStream<Buffer, Buffer>>();

  constructor(parts: ClientStatusParts) {
    this.#parts = parts;
  }

  readonly definition: ServiceDefinition = {
    streamClientStatus: {
      path: `/${SERVICE}/StreamClientStatus`,
      requestStream: true,
      responseStream: true,
      ...codec,
    },
    fetchClientStatus: {
      path: `/${SERVICE}/FetchClientStatus`,
      requestStream: false,
      responseStream: false,
      ...codec,
    },
  };

  get handlers(): {
    readonly streamClientStatus: handleBidiStreamingCall<Buffer, Buffer>;
    readonly fetchClientStatus: handleUnaryCall<Buffer, Buffer>;
  } {
    return {
      streamClientStatus: (call) => this.#converse(call),
      fetchClientStatus: (call, answer) => {
        this.#authorized(call, call.request)
          .then((request) => this.#response(request))
          .then(
            (response) => answer(null, response),
            (error) => answer(statusOf(error)),
          );
      },
    };
  }

  /** Ends the streams. */
  close(reason: StreamRefused): void {
    for (const call of [...this.#open]) {
      this.#end(call, reason);
    }
  }

  #converse(call: ServerDuplexStream<Buffer, Buffer>): void {
    this.#open.add(call);
    let isAuthorized = false;
    let isAnswering = false;
    let isOver = false;
    const forget = () => this.#open.delete(call);
    call.on('cancelled', forget);
    call.on('close', forget);
    call.on('error', forget);
    const answered = () => {
      isAnswering = false;
      if (isOver) {
        call.end();
      } else {
        call.resume();
      }
    };
    // The stream tells its end together with its last message, paused or not.
    call.on('end', () => {
      isOver = true;
      if (!isAnswering) {
        call.end();
      }
    });
    call.on('data', (message: Buffer) => {
      // The next request is read when this one's answer has been taken.
      call.pause();
      isAnswering = true;
      const read = isAuthorized
        ? Promise.resolve(message).then(decode)
        : this.#authorized(call, message);
      read
        .then((request) => {
          isAuthorized = true;
          const response = this.#response(request);
          if (this.#open.has(call)) {
            call.write(response, answered);
          }
        })
        .catch((error) => this.#end(call, error));
    });
  }

  /** @throws StreamRefused */
  async #authorized(call: PeerOfCall, message: Buffer): Promise<ClientStatusRequest> {
    const { authorize } = this.#parts;
    if (authorize === undefined) {
      throw new PermissionDenied('this server tells nobody what its clients have');
    }
    const request = decode(message);
    await authorize({ peer: peerOf(call), node: request.node });
    return request;
  }

  #response(request: ClientStatusRequest): Buffer {
    const { clients, source } = this.#parts;
    const response: ClientStatusResponse = create(ClientStatusResponseSchema, {
      config: clientConfigs(request, clients(), source),
    });
    return Buffer.from(toBinary(ClientStatusResponseSchema, response));
  }

  #end(call: ServerDuplexStream<Buffer, Buffer>, error: unknown): void {
    if (this.#open.delete(call)) {
      // Paused, the stream would never see its own end.
      call.resume();
      call.emit('error', statusOf(error));
    }
  }
}

/** @throws InvalidRequest */
function decode(message: Buffer): ClientStatusRequest {
  try {
    return fromBinary(ClientStatusRequestSchema, message, { readUnknownFields: false });
  } catch {
    throw new InvalidRequest('the request is no ClientStatusRequest');
  }
}

/** As the gRPC library takes it; what is not meant for the client is told to the process instead. */
function statusOf(error: unknown) {
  if (!(error instanceof StreamRefused)) {
    warn('XdsStreamWarning', error);
  }
  const { code, message: details } =
    error instanceof StreamRefused ? error : new InternalFault(error);
  return Object.assign(new Error(details), { code, details });
}
