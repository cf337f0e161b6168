import { rm } from 'node:fs/promises';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { IdentityFolder } from '@dotline/collectors/peer/identity';
import { peerOf } from '@dotline/collectors/peer/peer';
import { GrpcIdentityProvider } from '@dotline/collectors/receivers/grpc-identity-provider';
import {
  experimental,
  Server,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import {
  type CheckRequest,
  CheckRequestSchema,
  type CheckResponse,
  CheckResponseSchema,
} from 'envoy-control-plane-ts/gen/envoy/service/auth/v3/external_auth_pb';
import type { RequestAuthorizer } from './request-authorizer.js';
import { UndecidedError } from './undecided-error.js';

const BOUNDS = {
  'grpc.max_receive_message_length': 1024 * 1024,
  'grpc.max_concurrent_streams': 1024,
  // A sidecar shows its certificate anew at least this often.
  'grpc.max_connection_age_ms': 30 * 60 * 1000,
  'grpc.max_connection_age_grace_ms': 10 * 1000,
};

type CheckCall = ServerUnaryCall<CheckRequest, CheckResponse>;

/** Envoy's `Authorization` service on a Unix socket, with mutual TLS: only a mesh's service is answered, and about itself. */
export class AuthorizationServer {
  readonly #server = new Server(BOUNDS);

  constructor(
    private readonly authorizer: Pick<RequestAuthorizer, 'check'>,
    private readonly identity: IdentityFolder,
    private readonly undecided: (error: Error) => void,
  ) {
    this.#server.addService(AUTHORIZATION, {
      Check: (call: CheckCall, callback: sendUnaryData<CheckResponse>) =>
        void this.#answer(call, callback),
    });
  }

  /** Starts to listen, in the place of a process that died. @throws Error when the socket cannot be had */
  async listen(socket: string): Promise<void> {
    await rm(socket, { force: true });
    const provider = new GrpcIdentityProvider(this.identity);
    const credentials = experimental.createCertificateProviderServerCredentials(
      provider,
      provider,
      true,
    );
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(`unix:${socket}`, credentials, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }

  /** Answers what was asked, then ends. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#server.tryShutdown(() => resolve()));
  }

  /** Cuts what is still open. */
  closeNow(): void {
    this.#server.forceShutdown();
  }

  async #answer(call: CheckCall, callback: sendUnaryData<CheckResponse>): Promise<void> {
    try {
      const { attributes } = call.request;
      const asker = this.#askerOf(call);
      if (attributes === undefined || asker === undefined) {
        return callback({ code: status.PERMISSION_DENIED, details: 'only services may ask' });
      }
      const { trustDomain } = this.identity.current;
      callback(null, await this.authorizer.check({ attributes, asker, trustDomain }));
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error));
      this.undecided(reason);
      const code = reason instanceof UndecidedError ? status.UNAVAILABLE : status.INTERNAL;
      callback({ code, details: reason.message });
    }
  }

  /** The service that the certificate names. @throws PeerError when it names nothing of this mesh */
  #askerOf(call: CheckCall): string | undefined {
    const { subjectaltname } = call.getAuthContext().sslPeerCertificate ?? {};
    const peer = peerOf(subjectaltname, this.identity.current.trustDomain);
    return peer.kind === 'service' && peer.id.includes('/service/') ? peer.service : undefined;
  }
}

/** https://github.com/envoyproxy/envoy/blob/v1.40.0/api/envoy/service/auth/v3/external_auth.proto */
const AUTHORIZATION: ServiceDefinition = {
  Check: {
    path: '/envoy.service.auth.v3.Authorization/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: () => {
      throw new Error('an authorizer asks nobody');
    },
    requestDeserialize: (bytes: Buffer) => fromBinary(CheckRequestSchema, bytes),
    responseSerialize: (response: CheckResponse) =>
      Buffer.from(toBinary(CheckResponseSchema, response)),
    responseDeserialize: (bytes: Buffer) => fromBinary(CheckResponseSchema, bytes),
  },
};
