import type { Message, MessageInitShape } from '@bufbuild/protobuf';
import type { Instance } from '@dotline/model/instance';
import { OpenTelemetryConfigSchema } from 'envoy-control-plane-ts/gen/envoy/config/trace/v3/opentelemetry_pb';
import { RouterSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/filters/http/router/v3/router_pb';
import {
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManagerSchema,
  type HttpFilterSchema,
} from 'envoy-control-plane-ts/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb';
import { UuidRequestIdConfigSchema } from 'envoy-control-plane-ts/gen/envoy/extensions/request_id/uuid/v3/uuid_pb';
import { awaitedAdsSource } from './ads-source.js';
import { milliseconds } from './duration.js';
import { OwnCluster } from './names.js';
import { typedConfig } from './typed-config.js';

export type HttpConnectionManager = Exclude<
  MessageInitShape<typeof HttpConnectionManagerSchema>,
  Message
>;
type HttpFilter = MessageInitShape<typeof HttpFilterSchema>;

/**
 * What the two listeners that enforce policy have in common: one spelling for each path, so that
 * both sides match the same; no header of Envoy's own taken from a peer; a span for each request.
 */
export function enforcedHttp(instance: Instance, tracedPercent: number): HttpConnectionManager {
  return {
    normalizePath: true,
    mergeSlashes: true,
    pathWithEscapedSlashesAction: HttpConnectionManager_PathWithEscapedSlashesAction.REJECT_REQUEST,
    stripPortMode: { case: 'stripAnyHostPort', value: true },
    stripTrailingHostDot: true,
    serverName: 'dotline',
    // Nobody is internal: Envoy then drops the x-envoy headers that would steer its retries. No
    // peer has the address 0.0.0.0; an empty list would stand for all private addresses.
    useRemoteAddress: true,
    internalAddressConfig: { cidrRanges: [{ addressPrefix: '0.0.0.0', prefixLen: 32 }] },
    generateRequestId: true,
    requestIdExtension: {
      typedConfig: typedConfig(UuidRequestIdConfigSchema, {
        // The trace decides what is sampled; the id stays the same on both sides.
        packTraceReason: false,
        useRequestIdForTraceSampling: false,
      }).value,
    },
    requestHeadersTimeout: milliseconds(10_000),
    streamIdleTimeout: milliseconds(60_000),
    drainTimeout: milliseconds(5000),
    maxRequestHeadersKb: 60,
    tracing: {
      clientSampling: { value: 100 },
      randomSampling: { value: tracedPercent },
      overallSampling: { value: 100 },
      operation: '%ROUTE_NAME%',
      provider: {
        name: 'envoy.tracers.opentelemetry',
        configType: typedConfig(OpenTelemetryConfigSchema, {
          serviceName: instance.service,
          grpcService: {
            targetSpecifier: {
              case: 'envoyGrpc',
              value: { clusterName: OwnCluster.collectorGrpc },
            },
            timeout: milliseconds(10_000),
          },
        }),
      },
    },
  };
}

/** A network filter chain that ends in the given connection manager. */
export function httpFilterChain(manager: HttpConnectionManager) {
  return [
    {
      name: 'envoy.filters.network.http_connection_manager',
      configType: typedConfig(HttpConnectionManagerSchema, manager),
    },
  ];
}

/** Routes by name from the control plane; the listener stays as it is when they change. */
export function routesNamed(
  routeConfigName: string,
): NonNullable<HttpConnectionManager['routeSpecifier']> {
  return { case: 'rds', value: { routeConfigName, configSource: awaitedAdsSource } };
}

/** The last HTTP filter. */
export const routerFilter: HttpFilter = {
  name: 'envoy.filters.http.router',
  configType: typedConfig(RouterSchema, { suppressEnvoyHeaders: true }),
};
