import { join } from 'node:path';
import {
  type HostAndPort,
  HostPort,
  LogLevel,
  readEnvironment,
} from '@dotline/platform-process/settings';
import { z } from 'zod';

const Environment = z
  .object({
    CLICKHOUSE_URL: z.url(),
    OTLP_GRPC_LISTEN: HostPort,
    OTLP_HTTP_LISTEN: HostPort,
    HTTP_LISTEN: HostPort,
    IDENTITY_DIRECTORY: z.string().min(1).optional(),
    OTLP_PLAINTEXT: z.enum(['true', 'false']).default('false'),
    SPOOL_DIRECTORY: z.string().min(1).optional(),
    GATHER_MS: z.coerce.number().int().min(1).max(10_000).default(1_000),
    GATHER_DETAILS_MS: z.coerce.number().int().min(1).max(10_000).default(4_000),
    ANSWER_WITHIN_MS: z.coerce.number().int().min(100).max(25_000).default(5_000),
    LOG_LEVEL: LogLevel,
  })
  .refine((e) => e.OTLP_PLAINTEXT === 'true' || e.IDENTITY_DIRECTORY !== undefined, {
    message: 'is missing (or set OTLP_PLAINTEXT=true to accept telemetry from anybody)',
    path: ['IDENTITY_DIRECTORY'],
  })
  .refine((e) => e.SPOOL_DIRECTORY !== undefined || e.IDENTITY_DIRECTORY !== undefined, {
    message: 'is missing',
    path: ['SPOOL_DIRECTORY'],
  });

/** Settings of a collector. */
export interface Settings {
  readonly clickhouse: {
    readonly url: string;
    readonly username: string;
    readonly password: string;
  };
  readonly otlpGrpc: HostAndPort;
  readonly otlpHttp: HostAndPort;
  readonly http: HostAndPort;
  /** Absent: plaintext, senders are whoever they say. For tests and for sidecars of other meshes. */
  readonly identityDirectory: string | undefined;
  /** Segments on their way to ClickHouse; belongs to one collector. */
  readonly spoolDirectory: string;
  /** How long requests with access-log records are gathered into one insert. */
  readonly gatherMs: number;
  /** The same for all other requests: spans, metrics, logs. OTLP exporters give up after 10 s. */
  readonly detailsGatherMs: number;
  /** How long a gathered request waits for ClickHouse before its sender is told to come back. */
  readonly waitMs: number;
  readonly logLevel: string;
}

/** Reads the settings from the environment. @throws SettingsError */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const values = readEnvironment('collector', Environment, environment);
  return {
    clickhouse: serverOf(values.CLICKHOUSE_URL),
    otlpGrpc: values.OTLP_GRPC_LISTEN,
    otlpHttp: values.OTLP_HTTP_LISTEN,
    http: values.HTTP_LISTEN,
    identityDirectory: values.OTLP_PLAINTEXT === 'true' ? undefined : values.IDENTITY_DIRECTORY,
    spoolDirectory: values.SPOOL_DIRECTORY ?? join(values.IDENTITY_DIRECTORY ?? '.', 'spool'),
    gatherMs: values.GATHER_MS,
    detailsGatherMs: values.GATHER_DETAILS_MS,
    waitMs: values.ANSWER_WITHIN_MS,
    logLevel: values.LOG_LEVEL,
  };
}

/** Without a database in the path: `dotline` may have to be created first. */
function serverOf(text: string): Settings['clickhouse'] {
  const url = new URL(text);
  return {
    url: url.origin,
    username: decodeURIComponent(url.username) || 'default',
    password: decodeURIComponent(url.password),
  };
}
