import { isIP } from 'node:net';
import { dirname, join } from 'node:path';
import { z } from 'zod';

/** An address to listen on or to send to. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** A variable is missing or cannot be used; the message is one line that names each. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

const HostPort = z.string().transform((text, context): HostAndPort => {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, '$1');
  const port = Number(text.slice(colon + 1));
  if (host === '' || !Number.isInteger(port) || port < 0 || port > 65535) {
    context.addIssue('must be host:port');
    return z.NEVER;
  }
  return { host, port };
});

/** Sidecars have no resolver for these: Envoy's static clusters take addresses. */
const AddressPort = HostPort.refine(({ host, port }) => isIP(host) !== 0 && port > 0, {
  message: 'must be an IP address and a port',
});

const Environment = z.object({
  MESH_DIRECTORY: z.string().startsWith('/', 'must be an absolute path'),
  DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'must be a postgresql:// URL'),
  REDIS_URL: z.string().regex(/^rediss?:\/\//, 'must be a redis:// URL'),
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
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

/** Everything that the control plane is told from outside. */
export interface Settings {
  readonly meshDirectory: string;
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
  const result = Environment.safeParse(environment);
  if (!result.success) {
    const problems = result.error.issues.map((issue) => {
      const name = issue.path.join('.');
      return environment[name] === undefined ? `${name} is missing` : `${name} ${issue.message}`;
    });
    throw new SettingsError(`control plane settings: ${problems.join('; ')}`);
  }
  const value = result.data;
  return {
    meshDirectory: value.MESH_DIRECTORY,
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
