// Serves the benchmark's mesh with envoy-control-plane-ts.
import { ServerCredentials } from '@grpc/grpc-js';
import {
  LinearCache,
  MuxCache,
  type ResourceSource,
  resourceSet,
  SnapshotCache,
  TypeUrl,
  XdsServer,
} from 'envoy-control-plane-ts';
import { type Commanded, serveCommands } from './commands.js';
import { assignments, changedAssignment, clusterCount, clusters } from './mesh.js';

/** Peers let streams in without limit: so does ours here. */
const unhurried = {
  streamsPerSecond: 1_000_000,
  streamBurst: 1_000_000,
  connectionsMax: 100_000,
};

interface Held {
  readonly source: ResourceSource;
  readonly change: Commanded['change'];
}

const [kind = 'snapshots', ...numbers] = process.argv.slice(2);
const [sidecars = 0, port = 0, firstChange = 0] = numbers.map(Number);
const { source, change } = kind === 'linear' ? linear() : snapshots();
change(firstChange, sidecars);
const server = new XdsServer({
  ...unhurried,
  cache: source,
  credentials: ServerCredentials.createInsecure(),
});
await serveCommands({ listening: await server.listen(`127.0.0.1:${port}`), change });

/** A snapshot for each node, as with go-control-plane; what is equal in them is the same object. */
function snapshots(): Held {
  const cache = new SnapshotCache();
  const clusterSet = resourceSet(clusters());
  const endpoints = assignments();
  return {
    source: cache,
    change: (number, count) => {
      if (number > 0) {
        endpoints[number % clusterCount] = changedAssignment(number);
      }
      const snapshot = {
        [TypeUrl.Cluster]: clusterSet,
        [TypeUrl.Endpoint]: resourceSet(endpoints),
      };
      for (let node = 0; node < count; node++) {
        cache.setSnapshot(`sidecar-${node}`, snapshot);
      }
    },
  };
}

/** One set of each type for all nodes, of which they see what they ask for. */
function linear(): Held {
  const endpoints = new LinearCache(TypeUrl.Endpoint, assignments());
  return {
    source: new MuxCache({
      [TypeUrl.Cluster]: new LinearCache(TypeUrl.Cluster, clusters()),
      [TypeUrl.Endpoint]: endpoints,
    }),
    change: (number) => {
      if (number > 0) {
        endpoints.setResource(changedAssignment(number));
      }
    },
  };
}
