import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';

/** `/metrics` for Prometheus and `/healthz`, which is 200 when `healthy` says so. */
export function operationsServer(registry: Registry, healthy: () => Promise<boolean>): Server {
  return createServer(async (request, response) => {
    const path = (request.url ?? '').split('?')[0];
    if (path === '/metrics') {
      const text = await registry.metrics();
      response.writeHead(200, { 'content-type': registry.contentType }).end(text);
    } else if (path === '/healthz') {
      const ok = await healthy();
      response
        .writeHead(ok ? 200 : 503, { 'content-type': 'text/plain' })
        .end(ok ? 'ok\n' : 'ClickHouse does not answer\n');
    } else {
      response.writeHead(404).end();
    }
  });
}
