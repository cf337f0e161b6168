import { z } from 'zod';

const Environment = z.object({
  DATABASE_URL: z.string().min(1),
  REDIS_URL: z.string().min(1),
  CLICKHOUSE_URL: z.url(),
  HTTP_LISTEN: z.string().regex(/^[^:]+:\d+$/, 'must be host:port'),
  EVALUATION_SECONDS: z.coerce.number().min(0.1).max(60).default(10),
  LOG_LEVEL: z.string().default('info'),
});

/** Settings of the SLO evaluator. */
export interface Settings {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly clickhouseUrl: string;
  readonly host: string;
  /** 0 lets the system choose; the chosen one is in the log line `listening`. */
  readonly port: number;
  /** Time from the start of one evaluation to the next. */
  readonly intervalMs: number;
  readonly logLevel: string;
}

/** Reads the settings from the environment. @throws Error that names every wrong variable */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const parsed = Environment.safeParse(environment);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) => `${issue.path.join('.')}: ${issue.message}`,
    );
    throw new Error(`SLO evaluator: ${problems.join('; ')}`);
  }
  const { data } = parsed;
  const [host = '', port = ''] = data.HTTP_LISTEN.split(':');
  return {
    databaseUrl: data.DATABASE_URL,
    redisUrl: data.REDIS_URL,
    clickhouseUrl: data.CLICKHOUSE_URL,
    host,
    port: Number(port),
    intervalMs: data.EVALUATION_SECONDS * 1000,
    logLevel: data.LOG_LEVEL,
  };
}
