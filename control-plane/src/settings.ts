import { isIP } from 'node:net';
import { dirname, join } from 'node:path';
import {
  DatabaseUrl,
  type HostAndPort,
  HostPort,
  LogLevel,
  RedisUrl,
  readEnvironment,
} from '@dotline/platform-process/settings';
import { z } from 'zod';

/** Sidecars have no resolver for these: Envoy's static clusters take addresses. */
const AddressPort = HostPort.refine(({ host, port }) => isIP(host) !== 0 && port > 0, {
  message: 'must be an IP address and a port',
});

/** `<url>#<branch>` of a Git repository. */
const Followed = z.string().transform((text, context) => {
  const [, url, branch] = /^([^-\s]\S*)#([^-\s][^\s]*)$/.exec(text) ?? [];
  if (url === undefined || branch === undefined) {
    context.addIssue('must be <url>#<branch>, such as https://git.example/mesh.git#main');
    return z.NEVER;
  }
  return { url, branch };
});

const Environment = z.object({
  MESH_DIRECTORY: z.string().startsWith('/', 'must be an absolute path'),
  MESH_FOLLOW: Followed.optional(),
  DATABASE_URL: DatabaseUrl,
  REDIS_URL: RedisUrl,
  XDS_LISTEN: HostPort,
  API_LISTEN: HostPort,
  API_NAMES: z
    .string()
    .default('')
    .transform((names) => names.split(',').filter((name) => name !== '')),
  CA_DIRECTORY: z.string().startsWith('/', 'must be an absolute path'),
  JOIN_TOKEN: z.string().min(16, 'must have at least 16 characters'),
  COLLECTOR_OTLP_GRPC: AddressPort,
  COLLECTOR_OTLP_HTTP: AddressPort,
  OPA_PATH: z.string().min(1).default('opa'),
  POLICY_CACHE_DIRECTORY: z.string().startsWith('/', 'must be an absolute path').optional(),
  LOG_LEVEL: LogLevel,
});

/** Everything that the control plane is told from outside. */
export interface Settings {
  readonly meshDirectory: string;
  /** The remote branch whose commits are brought into the mesh directory, when there is one. */
  readonly followed: { readonly url: string; readonly branch: string } | undefined;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly xdsListen: HostAndPort;
  readonly apiListen: HostAndPort;
  /** Further DNS names and addresses under which hosts reach this process. */
  readonly names: readonly string[];
  readonly caDirectory: string;
  readonly joinToken: string;
  readonly telemetry: {
    readonly grpc: { readonly address: string; readonly port: number };
    readonly http: { readonly address: string; readonly port: number };
  };
  readonly opaPath: string;
  readonly policyCacheDirectory: string;
  readonly logLevel: string;
}

/** Reads the settings once. @throws SettingsError */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const value = readEnvironment('control plane', Environment, environment);
  return {
    meshDirectory: value.MESH_DIRECTORY,
    followed: value.MESH_FOLLOW,
    databaseUrl: value.DATABASE_URL,
    redisUrl: value.REDIS_URL,
    xdsListen: value.XDS_LISTEN,
    apiListen: value.API_LISTEN,
    names: value.API_NAMES,
    caDirectory: value.CA_DIRECTORY,
    joinToken: value.JOIN_TOKEN,
    telemetry: {
      grpc: { address: value.COLLECTOR_OTLP_GRPC.host, port: value.COLLECTOR_OTLP_GRPC.port },
      http: { address: value.COLLECTOR_OTLP_HTTP.host, port: value.COLLECTOR_OTLP_HTTP.port },
    },
    opaPath: value.OPA_PATH,
    policyCacheDirectory:
      value.POLICY_CACHE_DIRECTORY ?? join(dirname(value.CA_DIRECTORY), 'policy-cache'),
    logLevel: value.LOG_LEVEL,
  };
}
