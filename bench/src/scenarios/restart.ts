import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { LoadClient } from '../load-client.js';
import { markerOfChange } from '../marker.js';
import { MeasuredServer, type ServerName } from '../measured-server.js';
import { spread } from '../quantiles.js';
import type { Results } from '../results.js';
import { fleetOf } from './visit.js';

const timeoutMs = 120_000;
const change = 1;

/**
 * The server is killed and started again with one endpoint changed meanwhile. Sidecars come back with
 * jittered back-off and state what they hold, so all that is sent should be that one resource.
 */
export async function restart(
  name: ServerName,
  sidecars: number,
  program: string,
  results: Results,
): Promise<void> {
  const note = (metric: string, value: number) =>
    results.add({ scenario: 'restart', metric, server: name, value });
  const port = await portBelowEphemeral();
  let server = await MeasuredServer.start(name, sidecars, { port });
  const client = new LoadClient(program, { breaksAreExpected: true });
  try {
    await client.connect(server.target, fleetOf(name, sidecars), timeoutMs);
    await sleep(1_000);
    await client.take();
    let listeningMs = 0;
    const killedAt = performance.now();
    const arrival = await client.measure(markerOfChange(change), sidecars, timeoutMs, async () => {
      await server.kill();
      server = await MeasuredServer.start(name, sidecars, { port, change });
      listeningMs = performance.now() - killedAt;
    });
    await sleep(1_000);
    const { resources, removed, responses, broken } = await client.take();
    const ms = spread(arrival.ms);
    note('listens again, ms', listeningMs);
    note('half of the sidecars converged, ms', ms.p50);
    note('all converged, ms', ms.max);
    note('responses a stream', responses / sidecars);
    note('unchanged resources sent again', resources - sidecars + removed);
    note('streams broken in all', broken);
  } finally {
    await client.stop();
    await server.stop();
  }
}

/** A port that no sidecar gets as its own while the server is away. */
async function portBelowEphemeral(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createServer().listen(port, '127.0.0.1');
    const free = await Promise.race([
      once(server, 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ]).catch(() => false);
    server.close();
    if (free) {
      return port;
    }
  }
  throw new Error('no port of 127.0.0.1 is free between 20000 and 30000');
}
