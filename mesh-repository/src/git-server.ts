import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AccessTokens } from './access-tokens.js';
import { runGitBackend } from './git-backend.js';
import { httpsServer } from './https-server.js';
import { RepositoryError } from './repository-error.js';
import type { ServerTls } from './server-tls.js';

/** Fetches and pushes at once. */
const REQUESTS_MAX = 32;
const CONNECTIONS_MAX = 256;
/** A push may take long to arrive. */
const REQUEST_TIMEOUT_MS = 600_000;
const SERVICES = new Set(['git-upload-pack', 'git-receive-pack']);

interface Served {
  readonly gitFolder: string;
  readonly hooksFolder: string;
  /** The repository is at `/<name>.git`. */
  readonly name: string;
  readonly tokens: Pick<AccessTokens, 'personOf'>;
  /** Without it plain HTTP is spoken, which is for addresses that nobody else reaches. */
  readonly tls?: ServerTls;
  /** Told what each fetch and push came to. */
  readonly log: (line: string) => void;
}

/** A running server. */
export interface GitServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves a repository over Git's smart HTTP to everybody who has a token: as the password of HTTP's basic
 * authentication, with the person as the user, or as a bearer token.
 * @throws RepositoryError when the address cannot be had
 */
export async function serveGit(
  served: Served,
  listen: { readonly host: string; readonly port: number },
): Promise<GitServer> {
  const { tls } = served;
  let running = 0;
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    if (running >= REQUESTS_MAX) {
      refuse(response, 503, 'too many fetch and push at once: try again', { 'retry-after': '2' });
      return;
    }
    running += 1;
    void answer(served, request, response)
      .catch((error: unknown) => {
        served.log(
          `${request.method} ${request.url}: ${error instanceof Error ? error.message : error}`,
        );
        if (response.headersSent) response.destroy();
        else refuse(response, 500, 'the repository cannot be served; its log says why');
      })
      .finally(() => {
        running -= 1;
      });
  };
  const server = tls === undefined ? createServer(handle) : httpsServer(tls, handle);
  server.maxConnections = CONNECTIONS_MAX;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new RepositoryError(
          `cannot listen on ${listen.host}:${listen.port}: ${error.code ?? error.message}`,
        ),
      ),
    );
    server.listen(listen.port, listen.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        tls?.close();
        server.closeIdleConnections();
      }),
  };
}

async function answer(
  { gitFolder, hooksFolder, name, tokens, log }: Served,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://repository');
  const root = `/${name}.git`;
  const path = url.pathname.startsWith(`${root}/`) ? url.pathname.slice(root.length) : undefined;
  const service = path === undefined ? undefined : serviceOf(request.method, path, url);
  if (path === undefined || service === undefined) {
    refuse(response, 404, `the repository is at ${root}, for git fetch and git push`);
    return;
  }
  const person = await authenticated(request.headers.authorization, tokens);
  if (person === undefined) {
    refuse(response, 401, 'push and fetch with a token: dotline git token <person> makes one', {
      'www-authenticate': 'Basic realm="dotline", charset="UTF-8"',
    });
    return;
  }
  const startedAtMs = Date.now();
  await runGitBackend(
    { gitFolder, hooksFolder, path, query: url.search.slice(1), person },
    request,
    response,
  );
  if (request.method === 'POST') {
    const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1);
    log(`${service === 'git-receive-pack' ? 'push' : 'fetch'} by ${person}, ${seconds} s`);
  }
}

/** What is asked for; `undefined` for everything but Git's smart protocol. */
function serviceOf(method: string | undefined, path: string, url: URL): string | undefined {
  const service = path === '/info/refs' ? url.searchParams.get('service') : path.slice(1);
  const isRight = path === '/info/refs' ? method === 'GET' : method === 'POST';
  return service !== null && SERVICES.has(service) && isRight ? service : undefined;
}

async function authenticated(
  header: string | undefined,
  tokens: Pick<AccessTokens, 'personOf'>,
): Promise<string | undefined> {
  const [scheme = '', value = ''] = (header ?? '').split(' ');
  if (scheme.toLowerCase() === 'bearer') return tokens.personOf(value);
  if (scheme.toLowerCase() !== 'basic') return undefined;
  const [user = '', ...password] = Buffer.from(value, 'base64').toString('utf8').split(':');
  const person = await tokens.personOf(password.join(':'));
  return person?.toLowerCase() === user.toLowerCase() ? person : undefined;
}

function refuse(
  response: ServerResponse,
  status: number,
  line: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers });
  response.end(`${line}\n`);
}
