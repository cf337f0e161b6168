import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { drainPending, Session } from 'chdb';
import { ClickHouseException } from './clickhouse-exception.js';
import { parseRawInsert } from './insert-statement.js';
import { type Statement, sessionStatements } from './statement.js';

/** What a statement answered. */
export interface EngineResult {
  readonly body: Uint8Array;
  readonly readRows: number;
  readonly readBytes: number;
  readonly writtenRows: number;
  readonly writtenBytes: number;
  readonly elapsedNs: number;
}

const OPEN_ATTEMPTS = 50;
const OPEN_RETRY_MS = 200;

/**
 * Sizes for one machine that also runs the mesh. The engine's defaults are those of a database server
 * that has the machine for itself.
 */
const SIZES = [
  '--max_server_memory_usage=3000000000',
  '--mark_cache_size=134217728',
  '--background_schedule_pool_size=4',
];

/** ClickHouse inside this process, on one data directory. Statements run on threads of libuv's pool. */
export class Engine {
  readonly #directory: string;
  /** Holds the engine open while no statement runs. */
  readonly #keeper: Session;

  private constructor(directory: string, keeper: Session) {
    this.#directory = directory;
    this.#keeper = keeper;
  }

  /**
   * Opens the data directory, and makes it when it does not exist. The lock of a killed process is
   * gone with it; that of one that is still ending is waited for, up to ten seconds.
   * @throws Error when another process keeps it
   */
  static async open(directory: string): Promise<Engine> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (let attempt = 1; ; attempt += 1) {
      try {
        return new Engine(directory, new Session(directory, { connectionArgs: SIZES }));
      } catch (error) {
        if (attempt === OPEN_ATTEMPTS) {
          throw new Error(`${directory} is in use by another process, or cannot be written`, {
            cause: error,
          });
        }
        await sleep(OPEN_RETRY_MS);
      }
    }
  }

  /**
   * Runs one statement in a session of its own (0.3 ms), so that no setting or parameter of one
   * request reaches another.
   * @throws the engine's error
   */
  async run(statement: Statement): Promise<EngineResult> {
    const session = new Session(this.#directory, { connectionArgs: SIZES });
    try {
      const preparation = sessionStatements(statement);
      if (preparation !== '') await session.queryAsync(preparation);
      return await execute(session, statement);
    } finally {
      session.close();
    }
  }

  /** Waits for what still runs and closes the data directory. */
  async close(): Promise<void> {
    this.#keeper.close();
    await drainPending();
  }
}

async function execute(session: Session, statement: Statement): Promise<EngineResult> {
  const raw = statement.data.length > 0 ? parseRawInsert(statement.text) : undefined;
  if (raw !== undefined) {
    const { columns, ...rest } = raw;
    const summary = await session.insert({
      ...rest,
      ...(columns === undefined ? {} : { columns }),
      values: statement.data,
    });
    return {
      body: new Uint8Array(),
      readRows: summary.rowsWritten,
      readBytes: summary.bytesSent,
      writtenRows: summary.rowsWritten,
      writtenBytes: summary.bytesWritten,
      elapsedNs: nanoseconds(summary.elapsed),
    };
  }
  const result = await session.queryAsync(textOf(statement), { format: statement.defaultFormat });
  return {
    body: result.bytes(),
    readRows: result.rowsRead,
    readBytes: result.bytesRead,
    writtenRows: 0,
    writtenBytes: 0,
    elapsedNs: nanoseconds(result.elapsed),
  };
}

/** The engine takes an insert's data behind its text, so it has to be text too. */
function textOf(statement: Statement): string {
  if (statement.data.length === 0) return statement.text;
  try {
    return `${statement.text}\n${new TextDecoder('utf-8', { fatal: true }).decode(statement.data)}`;
  } catch (error) {
    throw new ClickHouseException(
      48,
      'NOT_IMPLEMENTED',
      'The embedded engine takes text formats only. Use JSONEachRow or TabSeparated',
      { cause: error },
    );
  }
}

function nanoseconds(seconds: number): number {
  return Math.max(0, Math.round(seconds * 1e9));
}
