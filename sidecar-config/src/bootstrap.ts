import { isIP } from 'node:net';
import { basename } from 'node:path';
import { create, type JsonObject, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import type { Instance } from '@dotline/model/instance';
import { platformSpiffeId } from '@dotline/model/spiffe-id';
import {
  BootstrapSchema,
  type RuntimeLayerSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/bootstrap/v3/bootstrap_pb';
import {
  Cluster_DiscoveryType,
  type ClusterSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/cluster/v3/cluster_pb';
import {
  ApiConfigSource_ApiType,
  ApiVersion,
} from 'envoy-control-plane-ts/gen/envoy/config/core/v3/config_source_pb';
import type { StatsMatcherSchema } from 'envoy-control-plane-ts/gen/envoy/config/metrics/v3/stats_pb';
import { registry } from 'envoy-control-plane-ts/gen/registry';
import { tcpAddress } from './address.js';
import { adsSource } from './ads-source.js';
import { milliseconds } from './duration.js';
import { http2Upstream } from './http-upstream.js';
import { tlsToPeer } from './mutual-tls.js';
import { OwnCluster } from './names.js';
import { overload } from './overload.js';
import { singleEndpoint, type TcpEndpoint } from './own-clusters.js';
import { SidecarPath } from './sidecar-directory.js';

export { identitySecretFiles } from './identity-secret.js';

/** What a host knows when it starts a sidecar. */
export interface BootstrapInput {
  readonly trustDomain: string;
  readonly service: string;
  readonly instance: Pick<Instance, 'id' | 'cell' | 'zone' | 'region' | 'adminAddress'>;
  /** Of the xDS server; the address may be a name. */
  readonly controlPlane: TcpEndpoint;
  /** Folder with the files of `identitySecretFiles` and the link `current`, in the sidecar's directory. */
  readonly identityDirectory: string;
}

/** An identity directory is not where the resources look for it. */
export class MisplacedIdentityError extends Error {
  override readonly name = 'MisplacedIdentityError';

  constructor(readonly identityDirectory: string) {
    super(
      `identity directory ${identityDirectory} must be named ${SidecarPath.identity} and stand in the sidecar's working directory`,
    );
  }
}

/** An instance's admin address is not `host:port`. */
export class InvalidAdminAddressError extends Error {
  override readonly name = 'InvalidAdminAddressError';

  constructor(readonly adminAddress: string) {
    super(`admin address ${JSON.stringify(adminAddress)} is not host:port`);
  }
}

/**
 * The file that Envoy starts with, as JSON: who the sidecar is and where its control plane is; all
 * else comes over delta ADS. Start Envoy in the instance's `sidecarDirectory` with `--concurrency 1`.
 * @throws InvalidAdminAddressError, MisplacedIdentityError
 */
export function sidecarBootstrap(input: BootstrapInput): string {
  if (basename(input.identityDirectory) !== SidecarPath.identity) {
    throw new MisplacedIdentityError(input.identityDirectory);
  }
  const { instance } = input;
  const bootstrap = create(BootstrapSchema, {
    node: {
      id: instance.id,
      cluster: input.service,
      locality: { region: instance.region, zone: instance.zone, subZone: instance.cell },
    },
    admin: { address: adminAddress(instance.adminAddress) },
    staticResources: { clusters: [controlPlaneCluster(input), selfCluster(input.service)] },
    clusterManager: { localClusterName: OwnCluster.self },
    dynamicResources: {
      adsConfig: {
        apiType: ApiConfigSource_ApiType.DELTA_GRPC,
        transportApiVersion: ApiVersion.V3,
        setNodeOnFirstMessageOnly: true,
        grpcServices: [
          {
            targetSpecifier: {
              case: 'envoyGrpc',
              value: {
                clusterName: OwnCluster.controlPlane,
                // How long to wait before the stream is opened again.
                retryPolicy: {
                  retryBackOff: {
                    baseInterval: milliseconds(200),
                    maxInterval: milliseconds(5000),
                  },
                },
              },
            },
          },
        ],
      },
      cdsConfig: adsSource,
      ldsConfig: adsSource,
    },
    statsConfig: { statsMatcher },
    watchdogs: { mainThreadWatchdog: watchdog, workerWatchdog: watchdog },
    layeredRuntime: { layers: runtimeLayers },
  });
  const json = toJson(BootstrapSchema, bootstrap, { registry }) as JsonObject;
  return `${JSON.stringify({ ...json, overloadManager: overload }, undefined, 2)}\n`;
}

function controlPlaneCluster(input: BootstrapInput): MessageInitShape<typeof ClusterSchema> {
  const { address, port } = input.controlPlane;
  return {
    name: OwnCluster.controlPlane,
    clusterDiscoveryType: {
      case: 'type',
      value: isIP(address) === 0 ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.STATIC,
    },
    connectTimeout: milliseconds(1000),
    typedExtensionProtocolOptions: http2Upstream,
    transportSocket: tlsToPeer(platformSpiffeId(input.trustDomain, 'control-plane')),
    loadAssignment: singleEndpoint(OwnCluster.controlPlane, tcpAddress(address, port)),
  };
}

/** Where the sidecar's own service runs: what zone-aware balancing compares callees with. */
function selfCluster(service: string): MessageInitShape<typeof ClusterSchema> {
  return {
    name: OwnCluster.self,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { serviceName: service, edsConfig: adsSource },
    connectTimeout: milliseconds(1000),
  };
}

function adminAddress(hostAndPort: string) {
  const colon = hostAndPort.lastIndexOf(':');
  const host = hostAndPort.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, '$1');
  const port = Number(hostAndPort.slice(colon + 1));
  if (isIP(host) === 0 || !Number.isInteger(port) || port < 1 || port > 65535) {
    throw new InvalidAdminAddressError(hostAndPort);
  }
  return tcpAddress(host, port);
}

/** Each counter costs memory in every sidecar: kept are those that someone reads. */
const statsMatcher: MessageInitShape<typeof StatsMatcherSchema> = {
  statsMatcher: {
    case: 'inclusionList',
    value: {
      patterns: [
        prefix('server.'),
        prefix('control_plane.'),
        prefix('cluster_manager.'),
        prefix('listener_manager.'),
        prefix('overload.'),
        prefix('access_logs.'),
        prefix('tracing.'),
        contains('rbac'),
        contains('.ssl.'),
        contains('downstream_rq_'),
        contains('downstream_cx_'),
        contains('upstream_rq_'),
        contains('upstream_cx_'),
        contains('membership_'),
        contains('outlier_detection.'),
        contains('lb_'),
        contains('update_'),
      ],
    },
  },
};

/** By default each thread is woken ten times a second to show that it lives, and the watching ones five times. */
const watchdog = { missTimeout: milliseconds(2_000), megamissTimeout: milliseconds(5_000) };

const runtimeLayers: MessageInitShape<typeof RuntimeLayerSchema>[] = [
  {
    name: 'static',
    layerSpecifier: {
      case: 'staticLayer',
      value: {
        // A path template can have many parameters; RE2 counts instructions.
        're2.max_program_size.error_level': 1000,
        're2.max_program_size.warn_level': 1000,
        // Spans are sent after 5 s, or when there are so many; Envoy's own limit of 5 makes nearly
        // each request to the app one to the collector too.
        'tracing.opentelemetry.min_flush_spans': 200,
      },
    },
  },
  { name: 'admin', layerSpecifier: { case: 'adminLayer', value: {} } },
];

function prefix(value: string) {
  return { matchPattern: { case: 'prefix', value } } as const;
}

function contains(value: string) {
  return { matchPattern: { case: 'contains', value } } as const;
}
