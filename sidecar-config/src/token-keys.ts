import type { MessageInitShape } from '@bufbuild/protobuf';
import { egressHostName } from '@dotline/model/egress';
import type { TokenIssuer } from '@dotline/model/request-policy';
import type { RemoteJwksSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb';
import { milliseconds } from './duration.js';
import { egressClusterName } from './egress-cluster.js';
import type { MeshIndex } from './mesh-index.js';
import { OwnCluster } from './names.js';

type PublishedKeys = Extract<TokenIssuer['keys'], { kind: 'operation' }>;

/** What is usual inside of the mesh; a new key is known everywhere so long after it was published. */
const INSIDE = { cachedMs: 60_000, timeoutMs: 2_000, retryMs: 1_000 };
/** Hosts outside are farther away, and are others' to load. */
const OUTSIDE = { cachedMs: 300_000, timeoutMs: 5_000, retryMs: 5_000 };

/**
 * Where a sidecar reads the keys of an issuer: over the edge to the service that offers them, with the sidecar's
 * own identity, or from the app beside it. Keys of a host outside come through the egress service over an edge
 * like any other, so what reaches outside is the gateway alone.
 */
export function remoteKeys(
  index: MeshIndex,
  service: string,
  { operation: id, cacheMs }: PublishedKeys,
): MessageInitShape<typeof RemoteJwksSchema> {
  const { service: callee, path, host } = index.operation(id);
  const usual = host === undefined ? INSIDE : OUTSIDE;
  const own = host === undefined ? OwnCluster.app : egressClusterName(host);
  const authority = host === undefined ? callee : egressHostName(host);
  return {
    httpUri: {
      uri: `http://${authority}${path}`,
      httpUpstreamType: { case: 'cluster', value: callee === service ? own : callee },
      timeout: milliseconds(usual.timeoutMs),
    },
    cacheDuration: milliseconds(cacheMs ?? usual.cachedMs),
    // Before anybody asks; the listener does not wait for it.
    asyncFetch: { fastListener: true, failedRefetchDuration: milliseconds(usual.retryMs) },
  };
}
