// Serves the benchmark's mesh with envoy-control-plane-ts: a snapshot for each node, as peers do.
import { ServerCredentials } from '@grpc/grpc-js';
import { resourceSet, SnapshotCache, TypeUrl, XdsServer } from 'envoy-control-plane-ts';
import { serveCommands } from './commands.js';
import { assignments, changedAssignment, clusterCount, clusters } from './mesh.js';
import { unhurried } from './unhurried.js';

const sidecars = Number(process.argv[2]);
const port = Number(process.argv[3] ?? 0);
const firstChange = Number(process.argv[4] ?? 0);

const cache = new SnapshotCache();
const clusterSet = resourceSet(clusters());
const endpoints = assignments();

function change(number: number, count: number): void {
  if (number > 0) {
    endpoints[number % clusterCount] = changedAssignment(number);
  }
  const snapshot = { [TypeUrl.Cluster]: clusterSet, [TypeUrl.Endpoint]: resourceSet(endpoints) };
  for (let node = 0; node < count; node++) {
    cache.setSnapshot(`sidecar-${node}`, snapshot);
  }
}

change(firstChange, sidecars);
const server = new XdsServer({
  ...unhurried,
  cache,
  credentials: ServerCredentials.createInsecure(),
});
await serveCommands({ listening: await server.listen(`127.0.0.1:${port}`), change });
