import { join } from 'node:path';
import { z } from 'zod';

const Listen = z.string().regex(/^[^:]+:\d+$/, 'must be host:port');

const Environment = z
  .object({
    CLICKHOUSE_URL: z.url(),
    OTLP_GRPC_LISTEN: Listen,
    OTLP_HTTP_LISTEN: Listen,
    HTTP_LISTEN: Listen,
    IDENTITY_DIRECTORY: z.string().min(1).optional(),
    OTLP_PLAINTEXT: z.enum(['true', 'false']).default('false'),
    SPOOL_DIRECTORY: z.string().min(1).optional(),
    GATHER_MS: z.coerce.number().int().min(1).max(10_000).default(1_000),
    ANSWER_WITHIN_MS: z.coerce.number().int().min(100).max(25_000).default(5_000),
    LOG_LEVEL: z.string().default('info'),
  })
  .refine((e) => e.OTLP_PLAINTEXT === 'true' || e.IDENTITY_DIRECTORY !== undefined, {
    message: 'is missing (or set OTLP_PLAINTEXT=true to accept telemetry from anybody)',
    path: ['IDENTITY_DIRECTORY'],
  })
  .refine((e) => e.SPOOL_DIRECTORY !== undefined || e.IDENTITY_DIRECTORY !== undefined, {
    message: 'is missing',
    path: ['SPOOL_DIRECTORY'],
  });

/** An address to listen on; port 0 lets the system choose. */
export interface Listen {
  readonly host: string;
  readonly port: number;
}

/** Settings of a collector. */
export interface Settings {
  readonly clickhouse: {
    readonly url: string;
    readonly username: string;
    readonly password: string;
  };
  readonly otlpGrpc: Listen;
  readonly otlpHttp: Listen;
  readonly http: Listen;
  /** Absent: plaintext, senders are whoever they say. For tests and for sidecars of other meshes. */
  readonly identityDirectory: string | undefined;
  /** Segments on their way to ClickHouse; belongs to one collector. */
  readonly spoolDirectory: string;
  /** How long requests are gathered into one insert. */
  readonly gatherMs: number;
  /** How long a request waits for ClickHouse before its sender is told to come back. */
  readonly waitMs: number;
  readonly logLevel: string;
}

/** Reads the settings from the environment. @throws Error that names every wrong variable */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const parsed = Environment.safeParse(environment);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
    throw new Error(`collector: ${problems.join('; ')}`);
  }
  const values = parsed.data;
  return {
    clickhouse: serverOf(values.CLICKHOUSE_URL),
    otlpGrpc: listenOf(values.OTLP_GRPC_LISTEN),
    otlpHttp: listenOf(values.OTLP_HTTP_LISTEN),
    http: listenOf(values.HTTP_LISTEN),
    identityDirectory: values.OTLP_PLAINTEXT === 'true' ? undefined : values.IDENTITY_DIRECTORY,
    spoolDirectory: values.SPOOL_DIRECTORY ?? join(values.IDENTITY_DIRECTORY ?? '.', 'spool'),
    gatherMs: values.GATHER_MS,
    waitMs: values.ANSWER_WITHIN_MS,
    logLevel: values.LOG_LEVEL,
  };
}

function listenOf(text: string): Listen {
  const [host = '', port = ''] = text.split(':');
  return { host, port: Number(port) };
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
