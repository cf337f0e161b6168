import { z } from 'zod';

const Environment = z.object({
  CLICKHOUSE_DATA_DIRECTORY: z.string().min(1),
  HTTP_LISTEN: z.string().regex(/^[^:]+:\d+$/, 'must be host:port'),
  CLICKHOUSE_USER: z.string().min(1).optional(),
  CLICKHOUSE_PASSWORD: z.string().optional(),
  LOG_LEVEL: z.string().default('info'),
});

/** Settings of the embedded ClickHouse. */
export interface Settings {
  readonly dataDirectory: string;
  readonly host: string;
  /** 0 lets the system choose; the chosen one is in the log line `listening`. */
  readonly port: number;
  /** The only user name that is let in; without one, every name with the right password is. */
  readonly user: string | undefined;
  /** Without one, everybody who reaches the port may do everything. */
  readonly password: string | undefined;
  readonly logLevel: string;
}

/** Reads the settings from the environment. @throws Error that names every wrong variable */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const parsed = Environment.safeParse(environment);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
    throw new Error(`embedded ClickHouse: ${problems.join('; ')}`);
  }
  const { HTTP_LISTEN, ...rest } = parsed.data;
  const [host = '', port = ''] = HTTP_LISTEN.split(':');
  return {
    dataDirectory: rest.CLICKHOUSE_DATA_DIRECTORY,
    host,
    port: Number(port),
    user: rest.CLICKHOUSE_USER,
    password: rest.CLICKHOUSE_PASSWORD,
    logLevel: rest.LOG_LEVEL,
  };
}
