import express, { type Express } from 'express';
import type { Registry } from 'prom-client';
import type { LoopHealth } from './evaluation-loop.js';

/**
 * `/healthz` and `/metrics`. While a store does not answer the evaluator is degraded but alive, and
 * starting it again would not help, so `/healthz` answers 200 and says what is wrong.
 */
export function httpServer(health: () => LoopHealth, registry: Registry): Express {
  const app = express();
  app.disable('x-powered-by');
  app.get('/healthz', (_request, response) => {
    const { problem, lastSuccessMs } = health();
    response.json({ status: problem === null ? 'ok' : 'degraded', problem, lastSuccessMs });
  });
  app.get('/metrics', async (_request, response) => {
    response.type(registry.contentType).send(await registry.metrics());
  });
  return app;
}
