import { readFileSync } from 'node:fs';
import { ServerCredentials } from '@grpc/grpc-js';
import { PermissionDenied, SnapshotCache, XdsServer } from 'envoy-control-plane-ts';

const [address = '', roots = '', certificate = '', key = ''] = process.argv.slice(2);
const cache = new SnapshotCache();
cache.setSnapshot('fare-1', {});

const server = new XdsServer({
  cache,
  // The last argument: clients without a certificate signed by these roots get no connection.
  credentials: ServerCredentials.createSsl(
    readFileSync(roots),
    [{ cert_chain: readFileSync(certificate), private_key: readFileSync(key) }],
    true,
  ),
  authorize: ({ peer, node }) => {
    if (!peer.uris.includes(`spiffe://example.org/node/${node.id}`)) {
      throw new PermissionDenied(`${peer.uris} may not have the resources of ${node.id}`);
    }
  },
  hooks: {
    nacked: ({ stream, typeUrl, rejection }) =>
      console.error(`${stream.node.id} rejects ${typeUrl}: ${rejection.message}`),
  },
});
console.log(await server.listen(address));

process.once('SIGTERM', () => server.close({ graceMs: 2_000 }));
