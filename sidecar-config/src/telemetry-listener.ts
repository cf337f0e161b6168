import { create } from '@bufbuild/protobuf';
import type { Instance } from '@dotline/model/instance';
import {
  type Listener,
  ListenerSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/listener/v3/listener_pb';
import { tcpAddress } from './address.js';
import { milliseconds } from './duration.js';
import { httpFilterChain, routerFilter } from './http-connection.js';
import { ListenerName, OwnCluster, TELEMETRY_PORT } from './names.js';

/** Where the app sends OTLP over plain HTTP; the sidecar adds the identity. */
export function telemetryListener(instance: Instance): Listener {
  return create(ListenerSchema, {
    name: ListenerName.telemetry,
    address: tcpAddress(instance.address, TELEMETRY_PORT),
    filterChains: [
      {
        filters: httpFilterChain({
          statPrefix: ListenerName.telemetry,
          normalizePath: true,
          streamIdleTimeout: milliseconds(30_000),
          httpFilters: [routerFilter],
          routeSpecifier: {
            case: 'routeConfig',
            value: {
              name: ListenerName.telemetry,
              virtualHosts: [
                {
                  name: ListenerName.telemetry,
                  domains: ['*'],
                  routes: [
                    {
                      name: ListenerName.telemetry,
                      match: { pathSpecifier: { case: 'prefix', value: '/v1/' } },
                      action: {
                        case: 'route',
                        value: {
                          clusterSpecifier: { case: 'cluster', value: OwnCluster.collectorHttp },
                          timeout: milliseconds(10_000),
                        },
                      },
                    },
                  ],
                },
              ],
            },
          },
        }),
      },
    ],
  });
}
