import { create } from '@bufbuild/protobuf';
import { ServerCredentials } from '@grpc/grpc-js';
import {
  LinearCache,
  MuxCache,
  missingResources,
  rawResource,
  resource,
  resourceSet,
  SnapshotCache,
  TypeUrl,
  XdsServer,
} from 'envoy-control-plane-ts';
import { ClusterSchema } from 'envoy-control-plane-ts/gen/envoy/config/cluster/v3/cluster_pb';
import { ClusterLoadAssignmentSchema } from 'envoy-control-plane-ts/gen/envoy/config/endpoint/v3/endpoint_pb';

const [xds = '127.0.0.1:18000'] = process.argv.slice(2);

// Endpoints are the same for the whole fleet; everything else belongs to a group of nodes.
const endpoints = new LinearCache(TypeUrl.Endpoint);
const snapshots = new SnapshotCache();
const cache = new MuxCache({ [TypeUrl.Endpoint]: endpoints }, snapshots);
const server = new XdsServer({
  cache,
  credentials: ServerCredentials.createInsecure(),
  groupOf: (node) => node.cluster,
});

// A set that many groups share is made once.
const fare = create(ClusterSchema, {
  name: 'fare',
  clusterDiscoveryType: { case: 'type', value: 3 },
  edsClusterConfig: { edsConfig: { configSourceSpecifier: { case: 'ads', value: {} } } },
});
const clusters = resourceSet([resource(ClusterSchema, 'fare', fare)]);
for (const group of ['riders', 'drivers']) {
  snapshots.setSnapshot(group, { [TypeUrl.Cluster]: clusters });
}

// What a group refers to and would wait for.
for (const { from, to } of missingResources(cache, 'riders')) {
  console.log(`${from.name} waits for ${to.name}`);
}

// One name changes: only streams that ask for it are told.
const assignment = create(ClusterLoadAssignmentSchema, { clusterName: 'fare' });
endpoints.setResource(resource(ClusterLoadAssignmentSchema, 'fare', assignment));

// Bytes and version of your own, of a type of your own, for one group.
const quota = { typeUrl: 'types.example.org/acme.Quota', name: 'fare' } as const;
snapshots.setResource('riders', rawResource({ ...quota, version: '7', value: Buffer.from('100') }));

console.log(await server.listen(xds));
