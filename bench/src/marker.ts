/** The address that an endpoint moves to with a change; every server of the benchmark computes the same. */
export function addressOfChange(change: number): string {
  return `10.${Math.floor(change / 65_536)}.${Math.floor(change / 256) % 256}.${change % 256}`;
}

/**
 * Bytes by which a response with this change is recognized without decoding it: the fields `address`
 * (2) and the tag of `port_value` (3) of the moved endpoint's `SocketAddress`.
 */
export function markerOfChange(change: number): Buffer {
  const address = Buffer.from(addressOfChange(change));
  return Buffer.concat([Buffer.from([0x12, address.length]), address, Buffer.from([0x18])]);
}
