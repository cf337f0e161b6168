import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { Engine } from './engine.js';
import { HttpInterface } from './http-interface.js';
import { readSettings } from './settings.js';

const settings = readSettings(process.env);
const log = pino({ name: 'embedded-clickhouse', level: settings.logLevel });

const engine = await Engine.open(settings.dataDirectory);
const { server } = new HttpInterface(engine, settings, {
  failed: (queryId, exception) =>
    log.warn({ queryId, code: exception.code, type: exception.type }, exception.reason),
});

server.listen(settings.port, settings.host, () => {
  const { address, port } = server.address() as AddressInfo;
  log.info({ address, port, dataDirectory: settings.dataDirectory }, 'listening');
});

let stopping = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    // Running statements are answered first; idle connections end at once.
    server.close(async () => {
      await engine.close();
      log.info('stopped');
      process.exit(0);
    });
    server.closeIdleConnections();
  });
}
