import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Instance } from '@dotline/model/instance';
import type { AccessLogFilterSchema } from 'envoy-control-plane-ts/gen/envoy/config/accesslog/v3/accesslog_pb';
import { TrafficDirection } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/base_pb';
import {
  type Listener,
  ListenerSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/listener/v3/listener_pb';
import { ExpressionFilterSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb';
import { RBACSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb';
import {
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ForwardClientCertDetails,
  type HttpFilterSchema,
} from 'envoy-control-plane-ts/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb';
import { destinationAccessLog } from './access-log.js';
import { tcpAddress } from './address.js';
import { awaitedAdsSource } from './ads-source.js';
import { jsonBody, requestFacts } from './denial.js';
import { milliseconds } from './duration.js';
import { enforcedHttp, httpFilterChain, routerFilter, routesNamed } from './http-connection.js';
import { tlsFromServices } from './mutual-tls.js';
import { INBOUND_AUTHORIZATION, ListenerName, ROUTE_METADATA } from './names.js';
import { typedConfig } from './typed-config.js';

/**
 * Where other sidecars call: mutual TLS, then authorization, then the app. It depends on the
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
          forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET,
          setCurrentClientCertDetails: { uri: true },
          routeSpecifier: routesNamed(ListenerName.inbound),
          accessLog: [destinationAccessLog(instance)],
          httpFilters: [authorizationFilter, routerFilter],
          localReplyConfig: { mappers: [denialReply(instance.service)] },
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

/**
 * What RBAC refuses is told from an app's own 403 by the details. RBAC's metadata cannot tell: it is
 * set only after the reply has been made.
 */
const refusedByRbac: MessageInitShape<typeof AccessLogFilterSchema> = {
  filterSpecifier: {
    case: 'extensionFilter',
    value: {
      name: 'envoy.access_loggers.extension_filters.cel',
      configType: typedConfig(ExpressionFilterSchema, {
        expression: "response.code_details.startsWith('rbac_access_denied')",
      }),
    },
  },
};

function denialReply(callee: string) {
  return {
    filter: refusedByRbac,
    bodyFormatOverride: jsonBody({
      error: 'denied by policy',
      reason: 'no edge allows this caller to make this request',
      ...requestFacts('%DOWNSTREAM_PEER_URI_SAN%', callee),
      ask: [`%METADATA(ROUTE:${ROUTE_METADATA}:contact)%`],
      explain: `dotline explain %DOWNSTREAM_PEER_URI_SAN% ${callee}`,
    }),
  };
}
