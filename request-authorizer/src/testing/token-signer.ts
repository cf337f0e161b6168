import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';

/** Signs tokens as an identity provider does (ES256). */
export class TokenSigner {
  readonly #id = randomUUID();
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  constructor(readonly issuer: string) {}

  /** Its key set as JSON text. */
  get jwks(): string {
    const key = this.#keys.publicKey.export({ format: 'jwk' });
    return JSON.stringify({ keys: [{ ...key, kid: this.#id, alg: 'ES256', use: 'sig' }] });
  }

  /** A token that lives a minute unless a claim says otherwise. */
  token(claims: Readonly<Record<string, unknown>>): string {
    const nowS = Math.floor(Date.now() / 1000);
    const header = part({ alg: 'ES256', typ: 'JWT', kid: this.#id });
    const payload = part({ iss: this.issuer, aud: 'mesh', iat: nowS, exp: nowS + 60, ...claims });
    const signature = sign('sha256', Buffer.from(`${header}.${payload}`), {
      key: this.#keys.privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    return `${header}.${payload}.${signature.toString('base64url')}`;
  }
}

function part(content: unknown): string {
  return Buffer.from(JSON.stringify(content)).toString('base64url');
}
