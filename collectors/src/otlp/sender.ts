import type { Resource } from '../gen/opentelemetry/proto/resource/v1/resource.js';
import type { Peer } from '../peer/peer.js';
import { attributesOf } from './attributes.js';

/** Whose telemetry a resource's records are. */
export interface Sender {
  readonly service: string;
  readonly instance: string;
  readonly resource: ReadonlyMap<string, string>;
}

/**
 * The sender of a resource: a service is who its certificate says, whatever `service.name` claims.
 * @param counts raised when the claim differs
 */
export function senderOf(
  resource: Resource | undefined,
  peer: Peer,
  counts: { contradicted: number },
): Sender {
  const attributes = attributesOf(resource?.attributes ?? []);
  const claimed = attributes.get('service.name') ?? '';
  const instance = attributes.get('service.instance.id') ?? '';
  if (peer.kind !== 'service') {
    const service = claimed === '' && peer.kind === 'relay' ? peer.service : claimed;
    return { service, instance, resource: attributes };
  }
  if (claimed !== '' && claimed !== peer.service) counts.contradicted += 1;
  attributes.set('service.name', peer.service);
  return { service: peer.service, instance, resource: attributes };
}
