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
  LOG_LEVEL: LogLevel,
});

/** Settings of the page server. */
export interface Settings {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly clickhouseUrl: string;
  readonly http: HostAndPort;
  readonly logLevel: string;
}

/** Reads the settings from the environment. @throws SettingsError */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const values = readEnvironment('page server', Environment, environment);
  return {
    databaseUrl: values.DATABASE_URL,
    redisUrl: values.REDIS_URL,
    clickhouseUrl: values.CLICKHOUSE_URL,
    http: values.HTTP_LISTEN,
    logLevel: values.LOG_LEVEL,
  };
}
