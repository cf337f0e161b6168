import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { ClickHouseException } from './clickhouse-exception.js';
import type { Statement } from './statement.js';

/** Largest body after decompression. */
export const BODY_BYTES_MAX = 64 * 1024 * 1024;

/** URL parameters that speak to the HTTP interface, not to the engine. */
const TRANSPORT_PARAMETERS = new Set([
  'add_http_cors_header',
  'buffer_size',
  'client_protocol_version',
  'close_session',
  'database',
  'decompress',
  'default_format',
  'enable_http_compression',
  'http_headers_progress_interval_ms',
  'http_response_buffer_size',
  'http_zlib_compression_level',
  'password',
  'query',
  'query_id',
  'quota_key',
  'send_progress_in_http_headers',
  'stacktrace',
  'user',
  'wait_end_of_query',
]);

/** Applied unless the request sets them: no query may take the machine away from the mesh. */
const DEFAULT_SETTINGS: ReadonlyMap<string, string> = new Map([
  ['max_execution_time', '60'],
  ['max_memory_usage', '1500000000'],
  ['max_result_bytes', String(256 * 1024 * 1024)],
]);

/** The id that names the query in logs and in the answer. */
export function queryIdOf(query: URLSearchParams): string {
  return query.get('query_id') || randomUUID();
}

/**
 * Reads a request of ClickHouse's HTTP interface into a statement: the query from the URL, the body
 * or both (then the body is an insert's data), `param_*` as parameters, the rest as settings.
 * Source: https://clickhouse.com/docs/interfaces/http
 * @throws ClickHouseException
 */
export async function readStatement(
  request: IncomingMessage,
  query: URLSearchParams,
): Promise<Statement> {
  refuseUnsupported(request, query);
  const settings = new Map(DEFAULT_SETTINGS);
  const parameters = new Map<string, string>();
  for (const [name, value] of query) {
    if (name.startsWith('param_')) parameters.set(name.slice('param_'.length), value);
    else if (!TRANSPORT_PARAMETERS.has(name)) settings.set(name, value);
  }
  const body = await readBody(request);
  const urlText = query.get('query') ?? '';
  const text = urlText === '' ? body.toString('utf8') : urlText;
  if (text.trim() === '') throw new ClickHouseException(62, 'SYNTAX_ERROR', 'Empty query');
  return {
    text,
    data: urlText === '' ? Buffer.alloc(0) : body,
    database: query.get('database') || undefined,
    settings,
    parameters,
    defaultFormat:
      query.get('default_format') || header(request, 'x-clickhouse-format') || 'TabSeparated',
    readOnly: request.method !== 'POST',
  };
}

function refuseUnsupported(request: IncomingMessage, query: URLSearchParams): void {
  const feature = query.has('session_id')
    ? 'Sessions (session_id)'
    : query.has('role')
      ? 'Roles (role)'
      : header(request, 'content-type')?.startsWith('multipart/')
        ? 'Multipart bodies'
        : undefined;
  if (feature === undefined) return;
  throw new ClickHouseException(
    48,
    'NOT_IMPLEMENTED',
    `${feature} are not supported by the embedded engine. Set CLICKHOUSE_URL to a ClickHouse server`,
  );
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of decompressed(request)) {
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) {
        throw new ClickHouseException(
          223,
          'QUERY_IS_TOO_LARGE',
          `The request's body is larger than ${BODY_BYTES_MAX} bytes. Insert fewer rows at once`,
        );
      }
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof ClickHouseException) throw error;
    throw new ClickHouseException(117, 'INCORRECT_DATA', `The body cannot be read: ${error}`, {
      cause: error,
    });
  }
  return Buffer.concat(chunks, bytes);
}

function decompressed(request: IncomingMessage): Readable {
  const encoding = header(request, 'content-encoding') ?? 'identity';
  const decoder = {
    identity: () => undefined,
    gzip: createGunzip,
    deflate: createInflate,
    br: createBrotliDecompress,
  }[encoding];
  if (decoder === undefined) {
    throw new ClickHouseException(48, 'NOT_IMPLEMENTED', `Content-Encoding ${encoding}`);
  }
  const stream = decoder();
  // Errors of either stream reach the reader through the iteration of the last one.
  return stream === undefined ? request : pipeline(request, stream, () => undefined);
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
