import type { PeerCertificate } from 'node:tls';

/** Who is at the other end of a stream, as the transport knows it. */
export interface Peer {
  /** `host:port`, or 'unknown' on a Unix socket. */
  readonly address: string;
  /** The client's certificate, if it has been verified against the server's roots. */
  readonly certificate?: PeerCertificate;
  /** The URIs of the certificate's subject alternative names (a SPIFFE ID is one). */
  readonly uris: readonly string[];
}

/** The part of a grpc-js server call that names the peer. */
export interface PeerOfCall {
  getPeer(): string;
  /** Empty for plaintext and for a certificate that was not verified. */
  getAuthContext(): { readonly sslPeerCertificate?: PeerCertificate | undefined };
}

export function peerOf(call: PeerOfCall): Peer {
  const certificate = call.getAuthContext().sslPeerCertificate;
  return certificate === undefined
    ? { address: call.getPeer(), uris: [] }
    : { address: call.getPeer(), certificate, uris: urisOf(certificate.subjectaltname ?? '') };
}

/**
 * What a peer is counted under: the URIs of its certificate; the certificate's fingerprint, if it
 * has none; without a certificate its host. All clients of a Unix socket are one.
 */
export function identityOf({ uris, certificate, address }: Peer): string {
  if (uris.length > 0) {
    return uris.join(', ');
  }
  return certificate?.fingerprint256 ?? address.replace(/:\d+$/, '');
}

/**
 * Reads the URIs out of Node's text form of subject alternative names: entries are joined by ', ';
 * an entry with a character that could be mistaken for a separator is a JSON string.
 * https://nodejs.org/api/tls.html#certificate-object
 */
export function urisOf(subjectAltName: string): string[] {
  const uris: string[] = [];
  const entry = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/gy;
  for (const [, kind, text = ''] of subjectAltName.matchAll(entry)) {
    if (kind === 'URI') {
      uris.push(text.startsWith('"') ? String(JSON.parse(text)) : text);
    }
  }
  return uris;
}
