import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';

/** `/metrics` for Prometheus and `/healthz`, which is 200 while the process answers at all. */
export function operationsServer(registry: Registry): Server {
  return createServer(async (request, response) => {
    const path = (request.url ?? '').split('?')[0];
    if (path === '/metrics') {
      const text = await registry.metrics();
      response.writeHead(200, { 'content-type': registry.contentType }).end(text);
    } else if (path === '/healthz') {
      response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
    } else {
      response.writeHead(404).end();
    }
  });
}
