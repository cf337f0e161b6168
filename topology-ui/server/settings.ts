import { z } from 'zod';

const Environment = z.object({
  DATABASE_URL: z.string().min(1),
  REDIS_URL: z.string().min(1),
  CLICKHOUSE_URL: z.url(),
  HTTP_LISTEN: z.string().regex(/^[^:]+:\d+$/, 'must be host:port'),
  LOG_LEVEL: z.string().default('info'),
});

/** Settings of the page server. */
export interface Settings {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly clickhouseUrl: string;
  readonly host: string;
  /** 0 lets the system choose; the chosen one is in the log line `listening`. */
  readonly port: number;
  readonly logLevel: string;
}

/** A variable is missing or cannot be used; the message is one line that names each. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/** Reads the settings from the environment. @throws SettingsError */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const parsed = Environment.safeParse(environment);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => {
      const name = path.join('.');
      return environment[name] === undefined ? `${name} is missing` : `${name}: ${message}`;
    });
    throw new SettingsError(`page server: ${problems.join('; ')}`);
  }
  const { data } = parsed;
  const [host = '', port = ''] = data.HTTP_LISTEN.split(':');
  return {
    databaseUrl: data.DATABASE_URL,
    redisUrl: data.REDIS_URL,
    clickhouseUrl: data.CLICKHOUSE_URL,
    host,
    port: Number(port),
    logLevel: data.LOG_LEVEL,
  };
}
