/**
 * A server as a process of its own, for tests that kill it. Tells its parent about itself each
 * 50 ms; changes every node's resources when told to.
 * Arguments: port, number of nodes.
 */
import { ServerCredentials } from '@grpc/grpc-js';
import { SnapshotCache } from '../snapshot-cache.js';
import { TypeUrl } from '../type-url.js';
import { XdsServer } from '../xds-server.js';
import { cluster, endpoints } from './hello-resources.js';

/** What the process says about itself. */
export interface RestartableServerState {
  readonly streams: number;
  /** Resources that clients hold, by their word. */
  readonly held: number;
  /** Responses since the start of the process. */
  readonly responses: number;
}

const [port, nodes] = process.argv.slice(2).map(Number);
const cache = new SnapshotCache();

function place(timeoutMs: number): void {
  const clusters = [cluster('a', timeoutMs), cluster('b')];
  const assignments = [endpoints('a', 1), endpoints('b', 2)];
  for (let index = 0; index < (nodes ?? 0); index += 1) {
    const snapshot = { [TypeUrl.Cluster]: clusters, [TypeUrl.Endpoint]: assignments };
    cache.setSnapshot(`node-${index}`, snapshot);
  }
}

let responses = 0;
const server = new XdsServer({
  cache,
  credentials: ServerCredentials.createInsecure(),
  hooks: {
    responded: () => {
      responses += 1;
    },
  },
});
place(1_000);
await server.listen(`127.0.0.1:${port}`);
process.on('message', () => place(2_000));
process.on('disconnect', () => process.exit());
setInterval(() => {
  let held = 0;
  for (const { types } of server.status()) {
    for (const { resources } of types) {
      held += resources.filter(({ acked }) => acked !== undefined).length;
    }
  }
  const state: RestartableServerState = { streams: server.load().streams, held, responses };
  process.send?.(state);
}, 50);
