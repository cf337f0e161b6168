/**
 * Who sent a request, as its certificate says. A service speaks for itself only, and so does a part of
 * the platform; another collector, which passes on what it was sent, and, where mutual TLS is switched
 * off, everybody may speak for others.
 */
export type Peer =
  | { readonly kind: 'service'; readonly id: string; readonly service: string }
  | { readonly kind: 'relay'; readonly id: string; readonly service: string }
  | { readonly kind: 'unauthenticated'; readonly id: string };

/**
 * Every sender where mutual TLS is switched off. They share one id: their addresses change from one
 * attempt to the next, and a repeated request must be recognised.
 */
export const ANYBODY: Peer = { kind: 'unauthenticated', id: 'anybody' };

/** The certificate holds no identity that may send telemetry. */
export class PeerError extends Error {
  override readonly name = 'PeerError';
}

const SPIFFE_ID = /^spiffe:\/\/([^/]+)\/(service|platform)\/([^/]+)$/;

/**
 * Reads a peer from a certificate's subject alternative names, in Node's notation
 * (`URI:spiffe://…, DNS:…`).
 * @throws PeerError unless there is exactly one SPIFFE ID, of this trust domain
 */
export function peerOf(subjectAltName: string | undefined, trustDomain: string): Peer {
  const ids = spiffeIdsOf(subjectAltName);
  const [id] = ids;
  // An SVID has exactly one URI: https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md#2-spiffe-id
  if (id === undefined || ids.length !== 1) {
    throw new PeerError(`The certificate must name one SPIFFE ID, it names ${ids.length}`);
  }
  const [, domain, kind, name] = SPIFFE_ID.exec(id) ?? [];
  if (domain !== trustDomain || name === undefined) {
    throw new PeerError(`${id} is neither a service nor a part of the platform of ${trustDomain}`);
  }
  const isRelay = kind === 'platform' && name === 'collector';
  return { kind: isRelay ? 'relay' : 'service', id, service: serviceOf(kind, name) };
}

/** The trust domain of the SPIFFE ID among subject alternative names. @throws PeerError */
export function trustDomainOf(subjectAltName: string | undefined): string {
  for (const id of spiffeIdsOf(subjectAltName)) {
    const domain = SPIFFE_ID.exec(id)?.[1];
    if (domain !== undefined) return domain;
  }
  throw new PeerError('The own certificate names no SPIFFE ID');
}

/** The service that a SPIFFE ID names, or the text itself when it is none. */
export function serviceNameOf(text: string): string {
  const [, , kind, name] = SPIFFE_ID.exec(text) ?? [];
  if (name === undefined) return text;
  return serviceOf(kind, name);
}

/** Parts of the platform go by this name in their own telemetry. */
function serviceOf(kind: string | undefined, name: string): string {
  return kind === 'platform' ? `dotline-${name}` : name;
}

function spiffeIdsOf(subjectAltName: string | undefined): string[] {
  return (subjectAltName ?? '')
    .split(', ')
    .filter((name) => name.startsWith('URI:'))
    .map((name) => name.slice('URI:'.length));
}
