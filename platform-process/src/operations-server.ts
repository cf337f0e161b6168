import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';

/**
 * `/metrics` for Prometheus and `/healthz`: 200, or 503 with the problem.
 * @param problem what keeps the process from its work; without it, it is well while it answers at all
 */
export function operationsServer(
  registry: Registry,
  problem: () => Promise<string | undefined> = async () => undefined,
): Server {
  return createServer(async (request, response) => {
    const path = (request.url ?? '').split('?')[0];
    if (path === '/metrics') {
      const text = await registry.metrics();
      response.writeHead(200, { 'content-type': registry.contentType }).end(text);
    } else if (path === '/healthz') {
      const found = await problem();
      response
        .writeHead(found === undefined ? 200 : 503, { 'content-type': 'text/plain' })
        .end(`${found ?? 'ok'}\n`);
    } else {
      response.writeHead(404).end();
    }
  });
}
