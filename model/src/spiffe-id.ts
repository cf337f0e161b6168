/**
 * SPIFFE IDs of the mesh.
 * Source: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md
 */

/** Identity of a domain service. */
export function serviceSpiffeId(trustDomain: string, service: string): string {
  return `spiffe://${trustDomain}/service/${service}`;
}

/** Parts of the platform that hold an identity of their own; `operator` is who looks after it. */
export type PlatformComponent =
  | 'control-plane'
  | 'collector'
  | 'authorizer'
  | 'slo'
  | 'page-server'
  | 'runner'
  | 'operator';

/** Identity of a part of the platform. */
export function platformSpiffeId(trustDomain: string, component: PlatformComponent): string {
  return `spiffe://${trustDomain}/platform/${component}`;
}

/** The service that a SPIFFE ID of this trust domain names, or `undefined` when it names none. */
export function serviceOfSpiffeId(trustDomain: string, id: string): string | undefined {
  const prefix = `spiffe://${trustDomain}/service/`;
  const name = id.startsWith(prefix) ? id.slice(prefix.length) : '';
  return name === '' || name.includes('/') ? undefined : name;
}
