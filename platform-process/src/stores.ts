import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import pg from 'pg';
import type { Logger } from 'pino';

/** The stores that the SLO evaluator and the page server read. */
export interface Stores {
  readonly database: pg.Pool;
  readonly clickhouse: ClickHouseClient;
  close(): Promise<void>;
}

/** Opens no connection yet: each is made, and made again, when it is needed. */
export function openStores(
  urls: { readonly databaseUrl: string; readonly clickhouseUrl: string },
  options: {
    /** Name of this process for the stores, such as `dotline-slo`. */
    readonly application: string;
    readonly connectionsMax: number;
    readonly timeoutMs: number;
    readonly log: Logger;
  },
): Stores {
  const { application, connectionsMax, timeoutMs, log } = options;
  const database = new pg.Pool({
    connectionString: urls.databaseUrl,
    max: connectionsMax,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    application_name: application,
  });
  database.on('error', (error) =>
    log.warn({ reason: error.message }, 'a PostgreSQL connection broke'),
  );
  const clickhouse = createClient({
    url: urls.clickhouseUrl,
    application,
    request_timeout: timeoutMs,
    // Whoever asks tells what failed.
    log: { level: ClickHouseLogLevel.OFF },
  });
  return {
    database,
    clickhouse,
    close: async () => void (await Promise.all([clickhouse.close(), database.end()])),
  };
}
