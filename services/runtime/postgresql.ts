import pRetry, { AbortError } from 'p-retry';
import pg from 'pg';
import type { Logger } from './logger.js';
import { StoreUnavailable } from './problem.js';

const CONNECTIONS_MAX = 5;
const CONNECT_MS_MAX = 2000;
const STATEMENT_MS_MAX = 5000;
const TRANSACTION_ATTEMPTS = 5;
/** Of the lock under which replicas migrate one after the other; any constant will do. */
const MIGRATION_LOCK = 70_061;

/** Serialization failure and deadlock: the server asks to run the transaction again. */
const TRY_AGAIN = new Set(['40001', '40P01']);
/** Classes of SQLSTATE that speak of the server, not of the statement. Source: PostgreSQL, appendix A. */
const SERVER_DOWN = /^(08|53|57|58)/;

export type Row = pg.QueryResultRow;

/** What a statement runs on: the pool, or the one connection of a transaction. */
export interface Queries {
  query<R extends Row>(text: string, values?: readonly unknown[]): Promise<R[]>;
}

/**
 * A service's database. It connects and migrates in the background, again and again with back-off;
 * until then, and whenever the server does not answer, statements throw StoreUnavailable.
 */
export class Database implements Queries {
  readonly #pool: pg.Pool;
  readonly #stop = new AbortController();
  readonly #migrating: Promise<void>;
  #migrated = false;

  /** @param migrations SQL scripts, applied once each, in order; only ever append. */
  constructor(
    url: string,
    migrations: readonly string[],
    private readonly log: Logger,
  ) {
    this.#pool = new pg.Pool({
      connectionString: url,
      max: CONNECTIONS_MAX,
      connectionTimeoutMillis: CONNECT_MS_MAX,
      statement_timeout: STATEMENT_MS_MAX,
      query_timeout: STATEMENT_MS_MAX + 1000,
    });
    // An idle connection that breaks is dropped by the pool; the next statement opens another.
    this.#pool.on('error', (error) => this.log.warn({ err: error }, 'database connection lost'));
    this.#migrating = this.#migrateUntilDone(migrations);
  }

  /** Resolves when the schema is in place and the server answers. @throws StoreUnavailable */
  async ping(): Promise<void> {
    await this.query('select 1');
  }

  /** Resolves when the schema is in place. */
  migrated(): Promise<void> {
    return this.#migrating;
  }

  /** @throws StoreUnavailable @throws pg.DatabaseError when the statement itself is refused */
  async query<R extends Row>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    return this.#reached(async () => (await this.#pool.query<R>(text, [...values])).rows);
  }

  /**
   * Runs `work` in one serializable transaction, again when the server asks for it; so `work` must
   * touch nothing but the database.
   * @throws StoreUnavailable @throws whatever `work` throws, after a rollback
   */
  async transaction<T>(work: (transaction: Queries) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#reached(() => this.#attempt(work));
      } catch (error) {
        const again = error instanceof pg.DatabaseError && TRY_AGAIN.has(error.code ?? '');
        if (!again || attempt === TRANSACTION_ATTEMPTS) throw error;
      }
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#migrating;
    await this.#pool.end();
  }

  async #attempt<T>(work: (transaction: Queries) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let broken: Error | undefined;
    // A connection that breaks between two statements emits this; unheard it would end the process.
    const onError = (error: Error) => {
      broken = error;
    };
    client.on('error', onError);
    try {
      await client.query('begin isolation level serializable');
      const result = await work({
        query: async <R extends Row>(text: string, values: readonly unknown[] = []) =>
          (await client.query<R>(text, [...values])).rows,
      });
      await client.query('commit');
      return result;
    } catch (error) {
      await client.query('rollback').catch((rollbackError: Error) => {
        broken = rollbackError;
      });
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  async #reached<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#migrated) throw new StoreUnavailable('PostgreSQL');
    try {
      return await work();
    } catch (error) {
      throw isServerDown(error) ? new StoreUnavailable('PostgreSQL', { cause: error }) : error;
    }
  }

  async #migrateUntilDone(migrations: readonly string[]): Promise<void> {
    const attempt = () =>
      migrate(this.#pool, migrations).catch((error: unknown) => {
        if (isServerDown(error)) throw error;
        throw new AbortError(error instanceof Error ? error : new Error(String(error)));
      });
    try {
      await pRetry(attempt, {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: 200,
        maxTimeout: 5000,
        randomize: true,
        signal: this.#stop.signal,
        onFailedAttempt: ({ error }) => this.log.warn({ err: error }, 'database not ready'),
      });
      this.#migrated = true;
    } catch (error) {
      if (!this.#stop.signal.aborted) this.log.fatal({ err: error }, 'migration refused');
    }
  }
}

async function migrate(pool: pg.Pool, migrations: readonly string[]): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await client.query('create table if not exists migrations (version int primary key)');
    const { rows } = await client.query<{ version: number }>(
      'select coalesce(max(version), 0) as version from migrations',
    );
    for (const [index, script] of migrations.entries()) {
      if (index < (rows[0]?.version ?? 0)) continue;
      await client.query(script);
      await client.query('insert into migrations (version) values ($1)', [index + 1]);
    }
    await client.query('commit');
    client.release();
  } catch (error) {
    // Closing the connection rolls back.
    client.release(true);
    throw error;
  }
}

const CONNECTION_ERROR = /^(ECONN|ENOENT|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN)/;
const DRIVER_LOST =
  /^(Connection terminated|timeout exceeded|Query read timeout|Client has encountered a connection error|The client was closed)/;

/** Whether an error of the driver means that the server could not be reached or gave up. */
function isServerDown(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return SERVER_DOWN.test(error.code ?? '');
  if (error instanceof AggregateError) return error.errors.some(isServerDown);
  if (!(error instanceof Error)) return false;
  if ('code' in error && CONNECTION_ERROR.test(String(error.code))) return true;
  return DRIVER_LOST.test(error.message);
}
