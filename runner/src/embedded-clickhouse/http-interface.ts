import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Account, authenticate } from './authentication.js';
import { BoundedLane } from './bounded-lane.js';
import { type ClickHouseException, exceptionOf } from './clickhouse-exception.js';
import type { Engine, EngineResult } from './engine.js';
import { queryIdOf, readStatement } from './http-request.js';
import { isWrite } from './statement.js';

/** Told about each failed statement. */
export interface RequestLog {
  failed(queryId: string, exception: ClickHouseException): void;
}

const CONNECTIONS_MAX = 512;

/**
 * ClickHouse's HTTP interface over an engine: `/ping`, `/replicas_status` and queries on `/`.
 * `/ping` answers while statements run, because they run on other threads.
 */
export class HttpInterface {
  readonly server: Server;
  readonly #engine: Engine;
  readonly #account: Account;
  readonly #log: RequestLog;
  // Three of libuv's four threads; the fourth is left to decompression and files.
  readonly #reads = new BoundedLane({ name: 'read', running: 2, waiting: 128 });
  readonly #writes = new BoundedLane({ name: 'write', running: 1, waiting: 64 });

  constructor(engine: Engine, account: Account, log: RequestLog) {
    this.#engine = engine;
    this.#account = account;
    this.#log = log;
    this.server = createServer((request, response) => void this.#answer(request, response));
    this.server.maxConnections = CONNECTIONS_MAX;
    // Longer than clients keep idle sockets, so that the server is never the one to close first.
    this.server.keepAliveTimeout = 30_000;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/ping' || url.pathname === '/replicas_status') {
      response.setHeader('content-type', 'text/html; charset=UTF-8').end('Ok.\n');
      return;
    }
    const queryId = queryIdOf(url.searchParams);
    response.setHeader('x-clickhouse-server-display-name', 'dotline');
    response.setHeader('x-clickhouse-query-id', queryId);
    try {
      authenticate(this.#account, request.headers, url.searchParams);
      const statement = await readStatement(request, url.searchParams);
      const lane = isWrite(statement.text) ? this.#writes : this.#reads;
      const result = await lane.run(async () => {
        // Whoever left while waiting was promised nothing.
        if (response.destroyed) return undefined;
        return this.#engine.run(statement);
      });
      if (result !== undefined) sendResult(response, result);
    } catch (error) {
      const exception = exceptionOf(error);
      this.#log.failed(queryId, exception);
      sendException(request, response, exception);
    }
  }
}

function sendResult(response: ServerResponse, result: EngineResult): void {
  response.setHeader('x-clickhouse-timezone', 'UTC');
  response.setHeader('x-clickhouse-summary', summary(result));
  response.setHeader('content-length', result.body.byteLength);
  response.end(result.body);
}

function summary(result: EngineResult): string {
  return JSON.stringify({
    read_rows: String(result.readRows),
    read_bytes: String(result.readBytes),
    written_rows: String(result.writtenRows),
    written_bytes: String(result.writtenBytes),
    total_rows_to_read: '0',
    result_rows: '0',
    result_bytes: String(result.body.byteLength),
    elapsed_ns: String(result.elapsedNs),
  });
}

function sendException(
  request: IncomingMessage,
  response: ServerResponse,
  exception: ClickHouseException,
): void {
  if (response.headersSent || response.destroyed) return;
  response.statusCode = exception.httpStatus;
  response.setHeader('x-clickhouse-exception-code', exception.code);
  response.setHeader('content-type', 'text/plain; charset=UTF-8');
  // What is left of an unread body would be taken for the next request.
  if (!request.complete) response.setHeader('connection', 'close');
  response.end(`${exception.message}\n`);
}
