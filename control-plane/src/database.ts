import { setTimeout as sleep } from 'node:timers/promises';
import { isNativeError } from 'node:util/types';
import pg from 'pg';
import type { Logger } from 'pino';

const CONNECTIONS_MAX = 10;
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 15_000;
const BACK_OFF_FIRST_MS = 200;
const BACK_OFF_MAX_MS = 5_000;

/** A bounded pool; a connection that breaks while idle is logged and replaced by the next query. */
export function openDatabase(url: string, log: Logger): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'dotline control plane',
  });
  pool.on('error', (error) =>
    log.warn({ reason: error.message }, 'a connection to PostgreSQL broke'),
  );
  return pool;
}

/**
 * Whether a failure is the server's absence rather than the statement's fault, so that trying again
 * can help. Classes 08, 53, 57 and 40: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function isDatabaseAbsent(error: unknown): boolean {
  if (!isNativeError(error)) return false;
  if (error instanceof pg.DatabaseError) return /^(08|53|57|40)/.test(error.code ?? '');
  const { code, errors } = error as NodeJS.ErrnoException & { errors?: unknown[] };
  if (errors !== undefined) return errors.some(isDatabaseAbsent);
  return (
    /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_AGAIN)/.test(code ?? '') ||
    /Connection terminated|timeout/i.test(error.message)
  );
}

/**
 * Runs `action` until PostgreSQL answers, with a growing pause between attempts; says once that it
 * waits and once that it is over.
 * @throws what `action` throws for other reasons than an absent server, and the signal's reason
 */
export async function untilDatabaseAnswers<T>(
  what: string,
  log: Logger,
  signal: AbortSignal,
  action: () => Promise<T>,
): Promise<T> {
  const startedAtMs = Date.now();
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    try {
      const result = await action();
      if (attempt > 0) {
        log.info({ what, waitedMs: Date.now() - startedAtMs }, 'PostgreSQL answers again');
      }
      return result;
    } catch (error) {
      if (!isDatabaseAbsent(error)) throw error;
      if (attempt === 0) {
        const reason = error instanceof Error ? error.message || error.name : String(error);
        log.warn({ what, reason }, 'waiting for PostgreSQL');
      }
      const pauseMs = Math.min(BACK_OFF_FIRST_MS * 2 ** attempt, BACK_OFF_MAX_MS);
      await sleep(pauseMs, undefined, { signal });
    }
  }
}

/** Runs an action in one transaction, which is undone when it throws. */
export async function inTransaction<T>(
  pool: pg.Pool,
  action: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await action(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}
