import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { platformSpiffeId } from '@dotline/model/spiffe-id';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import {
  type ClientConfig,
  type ClientConfig_GenericXdsConfig,
  ClientStatusRequestSchema,
  ClientStatusResponseSchema,
  ConfigStatus,
} from 'envoy-control-plane-ts/gen/envoy/service/status/v3/csds_pb';
import { contentOf, type ProxyResource } from './proxy-resource.js';

const FETCH = '/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus';
const REQUEST_TIMEOUT_MS = 10_000;

/** The control plane does not answer, or refuses. */
export class ControlPlaneUnavailableError extends Error {
  override readonly name = 'ControlPlaneUnavailableError';
}

/** A resource that the control plane holds for a sidecar. */
export interface HeldResource extends ProxyResource {
  readonly version: string;
  readonly status: keyof typeof ConfigStatus;
  /** The sidecar's own words when it refuses it. */
  readonly rejection: string | undefined;
}

/** PEM texts. */
export interface OperatorIdentity {
  readonly key: string;
  readonly certificate: string;
  readonly bundle: string;
}

/** Asks the control plane what it holds for sidecars, by client status discovery over mTLS. */
export class HeldConfigReader {
  readonly #client: Client;

  /** @param address `host:port` of the control plane's xDS */
  constructor(
    private readonly address: string,
    { key, certificate, bundle }: OperatorIdentity,
  ) {
    const server = controlPlaneOf(certificate);
    const channel = credentials.createSsl(
      Buffer.from(bundle),
      Buffer.from(key),
      Buffer.from(certificate),
      // As for sidecars: who it is counts, not what it is called.
      { checkServerIdentity: (_host, peer) => checkIdentity(server, peer) },
    );
    this.#client = new Client(address, channel, {
      // A sidecar of a large mesh may hold more than gRPC's 4 MiB.
      'grpc.max_receive_message_length': -1,
      // An address may not be a server name in TLS (RFC 6066).
      'grpc.ssl_target_name_override': 'control-plane',
    });
  }

  /**
   * Everything that one sidecar is to have; `undefined` when the control plane does not know it.
   * @throws ControlPlaneUnavailableError
   */
  async read(instance: string): Promise<HeldResource[] | undefined> {
    const config = (await this.#fetch(instance)).find(({ node }) => node?.id === instance);
    return config?.genericXdsConfigs.flatMap(heldResource);
  }

  close(): void {
    this.#client.close();
  }

  #fetch(instance: string): Promise<ClientConfig[]> {
    const request = create(ClientStatusRequestSchema, {
      nodeMatchers: [{ nodeId: { matchPattern: { case: 'exact', value: instance } } }],
    });
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        FETCH,
        (message: typeof request) => Buffer.from(toBinary(ClientStatusRequestSchema, message)),
        (bytes) => fromBinary(ClientStatusResponseSchema, bytes),
        request,
        { deadline: Date.now() + REQUEST_TIMEOUT_MS },
        (error, response) => {
          if (error) reject(this.#unavailable(error));
          else resolve(response?.config ?? []);
        },
      );
    });
  }

  #unavailable(error: ServiceError): ControlPlaneUnavailableError {
    const what =
      error.code === status.PERMISSION_DENIED ? 'refuses' : 'does not tell what it holds';
    return new ControlPlaneUnavailableError(
      `the control plane at ${this.address} ${what}: ${error.details}`,
      { cause: error },
    );
  }
}

/** The SPIFFE ID of the control plane in the trust domain of a certificate. */
function controlPlaneOf(certificate: string): string {
  const { subjectAltName } = new X509Certificate(certificate);
  const trustDomain = /URI:spiffe:\/\/([^/,]+)\//.exec(subjectAltName ?? '')?.[1] ?? '';
  return platformSpiffeId(trustDomain, 'control-plane');
}

function checkIdentity(expected: string, { subjectaltname = '' }: PeerCertificate) {
  const isExpected = subjectaltname.split(', ').includes(`URI:${expected}`);
  return isExpected ? undefined : new Error(`the server is ${subjectaltname}, not ${expected}`);
}

/** Nothing for a resource that the sidecar asks for and that there is none of. */
function heldResource(config: ClientConfig_GenericXdsConfig): HeldResource[] {
  const { typeUrl, name, versionInfo, xdsConfig, configStatus, errorState } = config;
  if (xdsConfig === undefined) return [];
  return [
    {
      typeUrl,
      name,
      version: versionInfo,
      content: contentOf(xdsConfig),
      status: ConfigStatus[configStatus] as keyof typeof ConfigStatus,
      rejection: errorState?.details,
    },
  ];
}
