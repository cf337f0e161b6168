import type { MessageInitShape } from '@bufbuild/protobuf';
import type { TransportSocketSchema } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/base_pb';
import { ApiVersion } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/config_source_pb';
import {
  SubjectAltNameMatcher_SanType,
  TlsParameters_TlsProtocol,
} from 'envoy-control-plane-ts/gen/envoy/extensions/transport_sockets/tls/v3/common_pb';
import type { SdsSecretConfigSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb';
import {
  type CommonTlsContextSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from 'envoy-control-plane-ts/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb';
import type { StringMatcherSchema } from 'envoy-control-plane-ts/gen/envoy/type/matcher/v3/string_pb';
import { milliseconds } from './duration.js';
import { IdentitySecret } from './identity-secret.js';
import { SidecarPath } from './sidecar-directory.js';
import { typedConfig } from './typed-config.js';

type StringMatch = NonNullable<MessageInitShape<typeof StringMatcherSchema>['matchPattern']>;
type TransportSocket = MessageInitShape<typeof TransportSocketSchema>;

/** A certificate is renewed half an hour before its end; seconds do not matter. */
const IDENTITY_POLL_MS = 5000;

/** What a client or server says it speaks; a server that speaks no offered one ends the handshake. */
type Alpn = 'h2' | 'http/1.1';

/** TLS to a peer that must be exactly `spiffeId`, with the sidecar's own certificate. */
export function tlsToPeer(spiffeId: string, alpn: Alpn = 'h2'): TransportSocket {
  return {
    name: 'envoy.transport_sockets.tls',
    configType: typedConfig(UpstreamTlsContextSchema, {
      commonTlsContext: commonContext({ case: 'exact', value: spiffeId }, alpn),
    }),
  };
}

/** TLS from callers that must show a certificate of one of the mesh's services. */
export function tlsFromServices(trustDomain: string): TransportSocket {
  return {
    name: 'envoy.transport_sockets.tls',
    configType: typedConfig(DownstreamTlsContextSchema, {
      requireClientCertificate: true,
      commonTlsContext: commonContext(
        { case: 'prefix', value: `spiffe://${trustDomain}/service/` },
        'h2',
      ),
    }),
  };
}

function commonContext(
  peer: StringMatch,
  alpn: Alpn,
): MessageInitShape<typeof CommonTlsContextSchema> {
  return {
    tlsParams: {
      tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2,
      // Envoy's clients stop at 1.2 unless told.
      tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
    },
    alpnProtocols: [alpn],
    tlsCertificateSdsSecretConfigs: [secretFile(IdentitySecret.certificate)],
    validationContextType: {
      case: 'combinedValidationContext',
      value: {
        defaultValidationContext: {
          matchTypedSubjectAltNames: [
            { sanType: SubjectAltNameMatcher_SanType.URI, matcher: { matchPattern: peer } },
          ],
        },
        validationContextSdsSecretConfig: secretFile(IdentitySecret.bundle),
      },
    },
  };
}

/**
 * Polled, not watched: each watch takes one of the system's inotify instances (128 for each user,
 * unless configured), and Envoy aborts when there is none left, at 8 instances a sidecar with 16
 * sidecars on a host. Polling also covers the PEM files that the secret's file points at.
 */
function secretFile(secret: {
  readonly name: string;
  readonly file: string;
}): MessageInitShape<typeof SdsSecretConfigSchema> {
  return {
    name: secret.name,
    sdsConfig: {
      configSourceSpecifier: {
        case: 'pathConfigSource',
        value: {
          path: `${SidecarPath.identity}/${secret.file}`,
          pollInterval: milliseconds(IDENTITY_POLL_MS),
        },
      },
      resourceApiVersion: ApiVersion.V3,
    },
  };
}
