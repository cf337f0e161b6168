import type { MessageInitShape } from '@bufbuild/protobuf';
import { egressHostName, egressPort } from '@dotline/model/egress';
import type {
  RouteActionSchema,
  RouteSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/route/v3/route_components_pb';
import { egressClusterName } from './egress-cluster.js';

/** What the mesh's sidecars tell each other, which is nobody's business outside. */
const INNER_HEADERS = [
  'x-forwarded-client-cert',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-request-id',
];

/** The part of an egress gateway's route that sends the request to its host outside. */
export function routeOutside(host: string): {
  readonly headers: Pick<MessageInitShape<typeof RouteSchema>, 'requestHeadersToRemove'>;
  readonly action: Pick<
    MessageInitShape<typeof RouteActionSchema>,
    'clusterSpecifier' | 'hostRewriteSpecifier'
  >;
} {
  // The default port is not part of a Host header: https://www.rfc-editor.org/rfc/rfc9110#section-4.2.2
  const authority = egressPort(host) === 443 ? egressHostName(host) : host;
  return {
    headers: { requestHeadersToRemove: INNER_HEADERS },
    action: {
      clusterSpecifier: { case: 'cluster', value: egressClusterName(host) },
      hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: authority },
    },
  };
}
