import type { JsonObject } from '@bufbuild/protobuf';

const HEAP_BYTES_MAX = 256 * 1024 * 1024;
const CONNECTIONS_MAX = 4096;

/**
 * What a sidecar does before it takes the memory that its app needs: give the free heap back, then
 * take no new requests. Plain JSON, because the heap monitor's type is not among the generated ones.
 */
export const overload: JsonObject = {
  refreshInterval: '1s',
  resourceMonitors: [
    {
      name: 'envoy.resource_monitors.fixed_heap',
      typedConfig: {
        '@type':
          'type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig',
        maxHeapSizeBytes: HEAP_BYTES_MAX,
      },
    },
    {
      name: 'envoy.resource_monitors.global_downstream_max_connections',
      typedConfig: {
        '@type':
          'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
        maxActiveDownstreamConnections: CONNECTIONS_MAX,
      },
    },
  ],
  actions: [
    {
      name: 'envoy.overload_actions.shrink_heap',
      triggers: [{ name: 'envoy.resource_monitors.fixed_heap', threshold: { value: 0.8 } }],
    },
    {
      name: 'envoy.overload_actions.stop_accepting_requests',
      triggers: [{ name: 'envoy.resource_monitors.fixed_heap', threshold: { value: 0.95 } }],
    },
  ],
};
