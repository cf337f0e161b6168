import { rm } from 'node:fs/promises';
import http from 'node:http';
import type { ServiceFile } from './service-file.js';

/** One request that went through a router. */
export interface RoutedRequest {
  readonly caller: string;
  readonly callee: string;
  /** Operation's name, or `denied`. */
  readonly operation: string;
  readonly status: number;
  readonly traceParent: string | undefined;
}

interface Route {
  readonly operation: string;
  readonly method: string;
  readonly path: RegExp;
  readonly sockets: readonly string[];
}

/**
 * Plays a sidecar's outbound side: routes by host to the callee's sockets, and answers 403 to what
 * is not agreed. The real sidecar is Envoy; this one lets services be tested without the platform.
 */
export class OutboundRouter {
  readonly #server: http.Server;
  readonly #routes = new Map<string, Route[]>();
  #turn = 0;

  constructor(
    private readonly caller: string,
    agreed: ReadonlySet<string>,
    services: readonly ServiceFile[],
    socketsOf: (service: string) => readonly string[],
    private readonly record: (request: RoutedRequest) => void,
  ) {
    for (const { name, operations } of services) {
      const routes = operations
        .filter((operation) => agreed.has(`${caller} ${name}.${operation.name}`))
        .map((operation) => ({
          operation: operation.name,
          method: operation.method,
          path: new RegExp(`^${operation.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
          sockets: socketsOf(name),
        }));
      this.#routes.set(name, routes);
    }
    this.#server = http.createServer((request, response) => this.#route(request, response));
  }

  async listen(socket: string): Promise<void> {
    await rm(socket, { force: true });
    await new Promise<void>((resolve) => this.#server.listen(socket, resolve));
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #route(request: http.IncomingMessage, response: http.ServerResponse): void {
    const callee = request.headers.host ?? '';
    const path = (request.url ?? '').split('?')[0] ?? '';
    const route = this.#routes
      .get(callee)
      ?.find((candidate) => candidate.method === request.method && candidate.path.test(path));
    response.once('finish', () => {
      this.record({
        caller: this.caller,
        callee,
        operation: route?.operation ?? 'denied',
        status: response.statusCode,
        traceParent: request.headers.traceparent?.toString(),
      });
    });
    const socketPath = route?.sockets[this.#turn++ % route.sockets.length];
    if (socketPath === undefined) {
      request.resume();
      answer(response, 403, `${this.caller} may not ${request.method} ${path} of ${callee}`);
      return;
    }
    const { method, headers } = request;
    const onward = http.request({ socketPath, method, path: request.url, headers }, (from) => {
      response.writeHead(from.statusCode ?? 502, from.headers);
      from.pipe(response);
    });
    onward.on('error', () => {
      if (!response.headersSent) answer(response, 503, `${callee} does not answer`);
      else response.destroy();
    });
    request.pipe(onward);
  }
}

function answer(response: http.ServerResponse, status: number, detail: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ status, detail }));
}
