import { egressHostName } from '@dotline/model/egress';
import type { Operation } from '@dotline/model/mesh';
import type { MeshIndex } from './mesh-index.js';

/**
 * How callers name a callee: by its name, and an egress service by each of its hosts too. Hosts have a
 * dot and names of services none, and each host has one egress service, so no two callees meet.
 */
export function domainsOf(index: MeshIndex, callee: string): string[] {
  const hosts = index.egressOf(callee)?.hosts ?? [];
  return [callee, ...hosts.map(({ host }) => egressHostName(host))];
}

/** An operation's request for people, such as `GET api.cards.example/v1/cards`. */
export function requestInWords({ method, host, path }: Operation): string {
  return `${method} ${host === undefined ? '' : egressHostName(host)}${path}`;
}
