import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AddressSchema } from 'envoy-control-plane-ts/gen/envoy/config/core/v3/address_pb';

type Address = MessageInitShape<typeof AddressSchema>;

/** An address and port of TCP. */
export function tcpAddress(address: string, port: number): Address {
  return {
    address: {
      case: 'socketAddress',
      value: { address, portSpecifier: { case: 'portValue', value: port } },
    },
  };
}

/** A Unix socket; with `mode`, one that the sidecar itself listens on. */
export function unixAddress(path: string, mode = 0): Address {
  return { address: { case: 'pipe', value: { path, mode } } };
}
