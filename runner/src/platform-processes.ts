import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LocalProcess } from '@dotline/local-parts/local-process';
import { postgresqlUrl } from '@dotline/local-parts/postgresql';
import { authorizerSocket } from '@dotline/sidecar-config/sidecar-directory';
import { Agent, fetch } from 'undici';
import { NODE_OPTIONS } from './control-plane-node-options.js';
import { authorityDirectory, type MeshFolders, type MeshState } from './mesh-state.js';
import { platformIdentityDirectory } from './platform-identities.js';
import type { PlatformPart } from './subject.js';

const PROBE_TIMEOUT_MS = 2000;
export const PLATFORM_DATABASE = 'dotline';

/** Where the parts of the platform find each other on this machine. */
export interface PlatformAddresses {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly clickhouseUrl: string;
  readonly controlPlaneUrl: string;
  /** Root certificate, written by the control plane. */
  readonly caBundle: string;
}

/** Addresses of the embedded stores, unless a variable names a real cluster instead. */
export function platformAddresses(folders: MeshFolders, state: MeshState): PlatformAddresses {
  const { ports, secrets } = state;
  return {
    databaseUrl:
      process.env.DATABASE_URL ??
      postgresqlUrl({ port: ports.postgresql, password: secrets.postgresql }, PLATFORM_DATABASE),
    redisUrl:
      process.env.REDIS_URL ?? `redis://default:${secrets.valkey}@127.0.0.1:${ports.valkey}`,
    clickhouseUrl:
      process.env.CLICKHOUSE_URL ??
      `http://dotline:${secrets.clickhouse}@127.0.0.1:${ports.clickhouse}`,
    controlPlaneUrl: `https://127.0.0.1:${ports.controlPlaneApi}`,
    caBundle: join(authorityDirectory(folders), 'root.pem'),
  };
}

interface Context {
  readonly folders: MeshFolders;
  readonly state: MeshState;
  readonly addresses: PlatformAddresses;
}

/** ClickHouse's engine in a process of its own. */
export function clickhouseProcess({ folders, state }: Context): LocalProcess {
  return {
    name: 'clickhouse',
    command: [
      process.execPath,
      fileURLToPath(new URL('./embedded-clickhouse/main.js', import.meta.url)),
    ],
    environment: {
      CLICKHOUSE_DATA_DIRECTORY: join(folders.data, 'clickhouse'),
      CLICKHOUSE_PASSWORD: state.secrets.clickhouse,
      HTTP_LISTEN: loopback(state.ports.clickhouse),
    },
    ready: () => answers(`http://${loopback(state.ports.clickhouse)}/ping`),
  };
}

/** @param follow `<url>#<branch>` that the mesh directory follows */
export function controlPlaneProcess(
  context: Context,
  opaPath: string,
  follow: string | undefined,
): LocalProcess {
  const { folders, state, addresses } = context;
  return {
    name: 'control-plane',
    command: [process.execPath, ...NODE_OPTIONS, entry('@dotline/control-plane/main')],
    environment: {
      MESH_DIRECTORY: folders.mesh,
      ...(follow === undefined ? {} : { MESH_FOLLOW: follow }),
      DATABASE_URL: addresses.databaseUrl,
      REDIS_URL: addresses.redisUrl,
      XDS_LISTEN: loopback(state.ports.xds),
      API_LISTEN: loopback(state.ports.controlPlaneApi),
      CA_DIRECTORY: authorityDirectory(folders),
      JOIN_TOKEN: state.secrets.joinToken,
      COLLECTOR_OTLP_GRPC: loopback(state.ports.otlpGrpc),
      COLLECTOR_OTLP_HTTP: loopback(state.ports.otlpHttp),
      POLICY_CACHE_DIRECTORY: join(folders.root, 'policy-cache'),
      OPA_PATH: opaPath,
      ...telemetry(context, 'control-plane'),
    },
    ready: async () => {
      const dispatcher = new Agent({ connect: { ca: await readFile(addresses.caBundle) } });
      try {
        await answers(`${addresses.controlPlaneUrl}/healthz`, dispatcher);
      } finally {
        await dispatcher.close();
      }
    },
  };
}

export function collectorProcess(context: Context): LocalProcess {
  const { folders, state, addresses } = context;
  return {
    name: 'collector',
    command: [process.execPath, entry('@dotline/collectors/main')],
    environment: {
      CLICKHOUSE_URL: addresses.clickhouseUrl,
      OTLP_GRPC_LISTEN: loopback(state.ports.otlpGrpc),
      OTLP_HTTP_LISTEN: loopback(state.ports.otlpHttp),
      HTTP_LISTEN: loopback(state.ports.collectorHttp),
      IDENTITY_DIRECTORY: platformIdentityDirectory(folders.identities, 'collector'),
      SPOOL_DIRECTORY: join(folders.data, 'collector-spool'),
      // On one machine an insert costs more than a second of delay is worth.
      GATHER_MS: '2000',
      ...telemetry(context, 'collector'),
      ...identity(context, 'collector'),
    },
    ready: () => answers(`http://${loopback(state.ports.collectorHttp)}/healthz`),
  };
}

/** One for this host: its sidecars ask it about single requests. */
export function authorizerProcess(context: Context): LocalProcess {
  const { folders, state, addresses } = context;
  return {
    name: 'authorizer',
    command: [process.execPath, entry('@dotline/request-authorizer/main')],
    environment: {
      AUTHORIZER_SOCKET: authorizerSocket(folders.sockets),
      HTTP_LISTEN: loopback(state.ports.authorizerHttp),
      IDENTITY_DIRECTORY: platformIdentityDirectory(folders.identities, 'authorizer'),
      CONTROL_PLANE_URL: addresses.controlPlaneUrl,
      CA_BUNDLE: addresses.caBundle,
      POLICY_DIRECTORY: join(folders.data, 'request-policies'),
      ...telemetry(context, 'authorizer'),
      ...identity(context, 'authorizer'),
      // A decision is a log record: there are as many as requests, and none may be lost in a burst.
      OTEL_BLRP_MAX_QUEUE_SIZE: '65536',
      OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: '4096',
      OTEL_BLRP_SCHEDULE_DELAY: '1000',
    },
    ready: () => answers(`${authorizerUrl(state)}/healthz`),
  };
}

/** Health, metrics and what is to be at hand. */
export function authorizerUrl({ ports }: MeshState): string {
  return `http://${loopback(ports.authorizerHttp)}`;
}

export function sloProcess(context: Context): LocalProcess {
  const { state, addresses } = context;
  return {
    name: 'slo',
    command: [process.execPath, entry('@dotline/slo/main')],
    environment: {
      DATABASE_URL: addresses.databaseUrl,
      REDIS_URL: addresses.redisUrl,
      CLICKHOUSE_URL: addresses.clickhouseUrl,
      HTTP_LISTEN: loopback(state.ports.sloHttp),
      ...telemetry(context, 'slo'),
      ...identity(context, 'slo'),
    },
    ready: () => answers(`http://${loopback(state.ports.sloHttp)}/healthz`),
  };
}

export function pageServerProcess(context: Context, port: number): LocalProcess {
  const { addresses } = context;
  return {
    name: 'page-server',
    command: [process.execPath, entry('@dotline/topology-ui/main')],
    environment: {
      DATABASE_URL: addresses.databaseUrl,
      REDIS_URL: addresses.redisUrl,
      CLICKHOUSE_URL: addresses.clickhouseUrl,
      HTTP_LISTEN: loopback(port),
      ...telemetry(context, 'page-server'),
      ...identity(context, 'page-server'),
    },
    ready: () => answers(`http://${loopback(port)}/healthz`),
  };
}

/** Where a part of the platform sends its own telemetry, in OpenTelemetry's variables. */
function telemetry({ state }: Context, part: string): Record<string, string> {
  return {
    OTEL_SERVICE_NAME: `dotline-${part}`,
    OTEL_RESOURCE_ATTRIBUTES: `service.namespace=dotline,service.instance.id=${part}`,
    OTEL_EXPORTER_OTLP_ENDPOINT: `https://${loopback(state.ports.otlpHttp)}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
  };
}

/** As whom it sends it. */
function identity({ folders }: Context, part: PlatformPart): Record<string, string> {
  const file = (name: string) =>
    join(platformIdentityDirectory(folders.identities, part), 'current', name);
  return {
    OTEL_EXPORTER_OTLP_CERTIFICATE: file('bundle.pem'),
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: file('certificate.pem'),
    OTEL_EXPORTER_OTLP_CLIENT_KEY: file('key.pem'),
  };
}

function loopback(port: number): string {
  return `127.0.0.1:${port}`;
}

function entry(specifier: string): string {
  return fileURLToPath(import.meta.resolve(specifier));
}

async function answers(url: string, dispatcher?: Agent): Promise<void> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    ...(dispatcher === undefined ? {} : { dispatcher }),
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
}
