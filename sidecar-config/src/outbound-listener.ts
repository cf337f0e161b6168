import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Instance } from '@dotline/model/instance';
import { TrafficDirection } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/base_pb';
import {
  type Listener,
  ListenerSchema,
} from 'envoy-control-plane-ts/gen/envoy/config/listener/v3/listener_pb';
import {
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ServerHeaderTransformation,
} from 'envoy-control-plane-ts/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb';
import { sourceAccessLog } from './access-log.js';
import { unixAddress } from './address.js';
import { noEdgeReply } from './denial.js';
import { enforcedHttp, httpFilterChain, routerFilter, routesNamed } from './http-connection.js';
import { ListenerName } from './names.js';
import { SidecarPath } from './sidecar-directory.js';

/** Only the user that runs app and sidecar may connect. */
const OWNER_ONLY = 0o600;

/** Where the app makes its calls: HTTP on a Unix socket beside the sidecar. */
export function outboundListener(instance: Instance, tracedPercent: number): Listener {
  const listener: MessageInitShape<typeof ListenerSchema> = {
    name: ListenerName.outbound,
    address: unixAddress(SidecarPath.outbound, OWNER_ONLY),
    trafficDirection: TrafficDirection.OUTBOUND,
    filterChains: [
      {
        filters: httpFilterChain({
          ...enforcedHttp(instance, tracedPercent),
          statPrefix: ListenerName.outbound,
          codecType: HttpConnectionManager_CodecType.AUTO,
          serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH,
          routeSpecifier: routesNamed(ListenerName.outbound),
          accessLog: [sourceAccessLog(instance)],
          httpFilters: [routerFilter],
          localReplyConfig: { mappers: [noEdgeReply(instance.service)] },
        }),
      },
    ],
  };
  return create(ListenerSchema, listener);
}
