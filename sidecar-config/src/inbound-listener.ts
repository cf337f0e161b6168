import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Instance } from '@dotline/model/instance';
import { TrafficDirection } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/base_pb';
import {
  type Listener,
  ListenerSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/listener/v3/listener_pb';
import { RBACSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb';
import {
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ForwardClientCertDetails,
  type HttpFilterSchema,
} from 'envoy-control-plane-ts/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb';
import { destinationAccessLog } from './access-log.js';
import { tcpAddress } from './address.js';
import { awaitedAdsSource } from './ads-source.js';
import { badTokenReply, rbacReply, undecidedReply } from './denial.js';
import { milliseconds } from './duration.js';
import { enforcedHttp, httpFilterChain, routerFilter, routesNamed } from './http-connection.js';
import { jwtAuthenticationFilter } from './jwt-authentication.js';
import { tlsFromServices } from './mutual-tls.js';
import { INBOUND_AUTHORIZATION, ListenerName } from './names.js';
import { requestAuthorizationFilters } from './request-authorization.js';

/**
 * Where other sidecars call: mutual TLS, then authorization of the caller and, where its team wants it, of the
 * single request, then the app. It depends on the
 * instance alone; edges and operations come by name, so no change of policy touches a connection.
 */
export function inboundListener(
  instance: Instance,
  trustDomain: string,
  tracedPercent: number,
): Listener {
  return create(ListenerSchema, {
    name: ListenerName.inbound,
    address: tcpAddress(instance.address, instance.port),
    trafficDirection: TrafficDirection.INBOUND,
    filterChains: [
      {
        transportSocket: tlsFromServices(trustDomain),
        transportSocketConnectTimeout: milliseconds(5000),
        filters: httpFilterChain({
          ...enforcedHttp(instance, tracedPercent),
          statPrefix: ListenerName.inbound,
          codecType: HttpConnectionManager_CodecType.AUTO,
          http2ProtocolOptions: {
            maxConcurrentStreams: 1024,
            connectionKeepalive: { interval: milliseconds(30_000), timeout: milliseconds(5000) },
          },
          // The caller's sidecar made the id; both sides must report the same.
          preserveExternalRequestId: true,
          // The app's own call was plain; a host outside is asked by TLS.
          schemeHeaderTransformation: { matchUpstream: true },
          forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET,
          setCurrentClientCertDetails: { uri: true },
          routeSpecifier: routesNamed(ListenerName.inbound),
          accessLog: [destinationAccessLog(instance)],
          httpFilters: [
            authorizationFilter,
            jwtAuthenticationFilter,
            ...requestAuthorizationFilters,
            routerFilter,
          ],
          localReplyConfig: {
            mappers: [
              rbacReply(instance.service),
              badTokenReply(instance.service),
              undecidedReply(instance.service),
            ],
          },
        }),
      },
    ],
  });
}

/** RBAC by name from the control plane. Until it has come, the listener does not listen. */
const authorizationFilter: MessageInitShape<typeof HttpFilterSchema> = {
  name: INBOUND_AUTHORIZATION,
  configType: {
    case: 'configDiscovery',
    value: {
      configSource: awaitedAdsSource,
      applyDefaultConfigWithoutWarming: false,
      typeUrls: [`type.googleapis.com/${RBACSchema.typeName}`],
    },
  },
};
