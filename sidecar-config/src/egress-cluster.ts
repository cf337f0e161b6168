import { isIP } from 'node:net';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type EgressHost, egressHostName, egressPort } from '@dotline/model/egress';
import {
  type Cluster,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  ClusterSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/cluster/v3/cluster_pb';
import type { TransportSocketSchema } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/base_pb';
import {
  SubjectAltNameMatcher_SanType,
  TlsParameters_TlsProtocol,
} from 'envoy-control-plane-ts/gen/envoy/extensions/transport_sockets/tls/v3/common_pb';
import { UpstreamTlsContextSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb';
import { tcpAddress } from './address.js';
import { milliseconds } from './duration.js';
import { negotiatedUpstream } from './http-upstream.js';
import { singleEndpoint } from './own-clusters.js';
import { SidecarPath } from './sidecar-directory.js';
import { typedConfig } from './typed-config.js';

/** Name of the cluster of a host outside; the colons keep it apart from names of services. */
export function egressClusterName(host: string): string {
  return `dotline:egress:${host}`;
}

/**
 * A host outside, as an egress gateway sees it: TLS to exactly this name, with no certificate of the
 * mesh. A host without an address is asked of DNS, and may have several.
 */
export function egressCluster({ host, address, ca }: EgressHost): Cluster {
  const name = egressClusterName(host);
  const { ip, port } = placeOf(host, address);
  return create(ClusterSchema, {
    name,
    clusterDiscoveryType: {
      case: 'type',
      value: isIP(ip) === 0 ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.STATIC,
    },
    dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
    connectTimeout: milliseconds(5000),
    typedExtensionProtocolOptions: negotiatedUpstream,
    transportSocket: tlsToHost(egressHostName(host), ca),
    loadAssignment: singleEndpoint(name, tcpAddress(ip, port)),
    circuitBreakers: {
      thresholds: [{ maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 4096 }],
    },
  });
}

function placeOf(host: string, address: string | undefined): { ip: string; port: number } {
  const from = address ?? host;
  return { ip: egressHostName(from).replace(/^\[(.*)\]$/, '$1'), port: egressPort(from) };
}

function tlsToHost(
  name: string,
  ca: string | undefined,
): MessageInitShape<typeof TransportSocketSchema> {
  return {
    name: 'envoy.transport_sockets.tls',
    configType: typedConfig(UpstreamTlsContextSchema, {
      sni: name,
      commonTlsContext: {
        tlsParams: {
          tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2,
          // Envoy's clients stop at 1.2 unless told.
          tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
        },
        validationContextType: {
          case: 'validationContext',
          value: {
            trustedCa: {
              specifier:
                ca === undefined
                  ? { case: 'filename', value: SidecarPath.publicRoots }
                  : { case: 'inlineString', value: ca },
            },
            matchTypedSubjectAltNames: [
              {
                sanType: SubjectAltNameMatcher_SanType.DNS,
                matcher: { matchPattern: { case: 'exact', value: name } },
              },
            ],
          },
        },
      },
    }),
  };
}
