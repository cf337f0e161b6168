import {
  DatabaseUrl,
  type HostAndPort,
  HostPort,
  LogLevel,
  RedisUrl,
  readEnvironment,
} from '@dotline/platform-process/settings';
import { z } from 'zod';

const Environment = z.object({
  DATABASE_URL: DatabaseUrl,
  REDIS_URL: RedisUrl,
  CLICKHOUSE_URL: z.url(),
  HTTP_LISTEN: HostPort,
  EVALUATION_SECONDS: z.coerce.number().min(0.1).max(60).default(10),
  LOG_LEVEL: LogLevel,
});

/** Settings of the SLO evaluator. */
export interface Settings {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly clickhouseUrl: string;
  readonly http: HostAndPort;
  /** Time from the start of one evaluation to the next. */
  readonly intervalMs: number;
  readonly logLevel: string;
}

/** Reads the settings from the environment. @throws SettingsError */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const values = readEnvironment('SLO evaluator', Environment, environment);
  return {
    databaseUrl: values.DATABASE_URL,
    redisUrl: values.REDIS_URL,
    clickhouseUrl: values.CLICKHOUSE_URL,
    http: values.HTTP_LISTEN,
    intervalMs: values.EVALUATION_SECONDS * 1000,
    logLevel: values.LOG_LEVEL,
  };
}
