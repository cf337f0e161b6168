// The floor: what @grpc/grpc-js alone costs to hand one shared buffer to every stream. It knows no
// subscriptions and no versions, it counts requests.
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
} from '@grpc/grpc-js';
import { type TypedResource, TypeUrl } from 'envoy-control-plane-ts';
import { DeltaDiscoveryResponseSchema } from 'envoy-control-plane-ts/gen/envoy/service/discovery/v3/discovery_pb';
import { serveCommands } from './commands.js';
import { assignments, changedAssignment, clusters } from './mesh.js';

type Call = ServerDuplexStream<Buffer, Buffer>;

const bytes = (value: Buffer) => value;
const method: MethodDefinition<Buffer, Buffer> = {
  path: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  requestStream: true,
  responseStream: true,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};

function response(typeUrl: TypeUrl, resources: readonly TypedResource[]): Buffer {
  const message = create(DeltaDiscoveryResponseSchema, {
    typeUrl,
    nonce: '1',
    systemVersionInfo: '0123456789abcdef0123456789abcdef',
    resources: resources.map(({ name, version, value }) => ({
      name,
      version,
      resource: { typeUrl, value },
    })),
  });
  return Buffer.from(toBinary(DeltaDiscoveryResponseSchema, message));
}

const allClusters = response(TypeUrl.Cluster, clusters());
const allEndpoints = response(TypeUrl.Endpoint, assignments());
const calls = new Set<Call>();

function serve(call: Call): void {
  let requests = 0;
  calls.add(call);
  call.on('data', () => {
    requests++;
    // 1: clusters wanted, 2: clusters acknowledged, 3: endpoints wanted, then acknowledgements.
    if (requests === 1) {
      call.write(allClusters);
    } else if (requests === 3) {
      call.write(allEndpoints);
    }
  });
  call.on('error', () => calls.delete(call));
  call.on('end', () => call.end());
  call.on('close', () => calls.delete(call));
}

const server = new Server();
server.addService({ DeltaAggregatedResources: method }, { DeltaAggregatedResources: serve });
const listening = await new Promise<number>((resolve, reject) =>
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
    error === null ? resolve(port) : reject(error),
  ),
);
await serveCommands({
  listening,
  change(number, count) {
    const one = response(TypeUrl.Endpoint, [changedAssignment(number)]);
    let left = count;
    for (const call of calls) {
      if (left-- <= 0) {
        break;
      }
      call.write(one);
    }
  },
});
