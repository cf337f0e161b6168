import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const HEAD_BYTES_MAX = 64 * 1024;
const PUSH_BYTES_MAX = 1024 ** 3;

/** One request of Git's smart HTTP protocol by a person who is known. */
export interface GitRequest {
  readonly gitFolder: string;
  readonly hooksFolder: string;
  /** Below the repository, such as `/git-receive-pack`. */
  readonly path: string;
  readonly query: string;
  readonly person: string;
}

/**
 * Answers with `git http-backend`, as a CGI program. What hooks print reaches the pusher as it is printed.
 * A pusher who goes away does not stop a push that has arrived.
 * @throws Error when the backend does not run, or says nothing
 */
export async function runGitBackend(
  asked: GitRequest,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const child = spawn('git', ['http-backend'], {
    env: environment(asked, request),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  ended.catch(() => undefined);
  // Whoever sends less than he said is noticed by the backend, at the end of its input.
  const sent = pipeline(request, child.stdin).catch(() => child.stdin.end());
  const { head, rest } = await readHead(child.stdout);
  const headers = head.split(/\r?\n/).flatMap((line) => {
    const [, name, value] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name.toLowerCase(), value] as const];
  });
  const status = Number.parseInt(headers.find(([name]) => name === 'status')?.[1] ?? '200', 10);
  response.writeHead(status, headers.filter(([name]) => name !== 'status').flat());
  response.write(rest);
  child.stdout.on('data', (chunk: Buffer) => {
    if (!response.destroyed && !response.write(chunk)) {
      child.stdout.pause();
      response.once('drain', () => child.stdout.resume());
    }
  });
  response.once('close', () => child.stdout.resume());
  child.stdout.resume();
  await Promise.all([ended, sent]);
  response.end();
}

function environment(asked: GitRequest, request: IncomingMessage): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'));
  const length = request.headers['content-length'];
  const encoding = request.headers['content-encoding'];
  const protocol = request.headers['git-protocol'];
  return {
    ...Object.fromEntries(own),
    ...configuration({
      'core.hooksPath': asked.hooksFolder,
      'http.receivepack': 'true',
      'receive.denyCurrentBranch': 'updateInstead',
      'receive.advertisePushOptions': 'true',
      'receive.fsckObjects': 'true',
      'receive.maxInputSize': String(PUSH_BYTES_MAX),
    }),
    GIT_PROJECT_ROOT: asked.gitFolder,
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: asked.path,
    QUERY_STRING: asked.query,
    REQUEST_METHOD: request.method ?? 'GET',
    CONTENT_TYPE: request.headers['content-type'] ?? '',
    REMOTE_USER: asked.person,
    REMOTE_ADDR: request.socket.remoteAddress ?? '',
    ...(length === undefined ? {} : { CONTENT_LENGTH: length }),
    ...(encoding === undefined ? {} : { HTTP_CONTENT_ENCODING: encoding }),
    ...(typeof protocol === 'string' ? { GIT_PROTOCOL: protocol } : {}),
  };
}

/** Git's configuration for this one run: the repository's own is left as it is. */
function configuration(values: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(values);
  const pairs = entries.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(entries.length), ...Object.fromEntries(pairs) };
}

/** Reads a CGI program's header, up to its empty line. */
async function readHead(output: Readable): Promise<{ head: string; rest: Buffer }> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const chunk: Buffer | null = output.read();
    if (chunk !== null) {
      bytes = Buffer.concat([bytes, chunk]);
      const end = /\r?\n\r?\n/.exec(bytes.toString('latin1', 0, HEAD_BYTES_MAX));
      if (end !== null) {
        const restAt = end.index + end[0].length;
        return { head: bytes.toString('latin1', 0, end.index), rest: bytes.subarray(restAt) };
      }
      if (bytes.length > HEAD_BYTES_MAX) break;
      continue;
    }
    if (output.readableEnded) break;
    await Promise.race([once(output, 'readable'), once(output, 'end')]);
  }
  throw new Error('git http-backend says nothing');
}
