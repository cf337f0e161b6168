import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';

/**
 * `/metrics` for Prometheus and `/healthz`: 200, or 503 with the problem.
 * @param problem what keeps the process from its work; without it, it is well while it answers at all
 * @param others answers every other call; without it there is none
 */
export function operationsServer(
  registry: Registry,
  problem: () => Promise<string | undefined> = async () => undefined,
  others: (request: IncomingMessage, response: ServerResponse) => Promise<void> = unknownCall,
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
      await others(request, response);
    }
  });
}

async function unknownCall(_request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(404).end();
}
