import { createPrivateKey, webcrypto } from 'node:crypto';
// Its container needs the polyfill before it is loaded.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

/** PEM texts. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 24 * 3_600_000;

/** A certificate authority that lives for one test. */
export class TestAuthority {
  private constructor(
    private readonly keys: webcrypto.CryptoKeyPair,
    private readonly root: x509.X509Certificate,
  ) {}

  static async create(): Promise<TestAuthority> {
    const keys = await newKeys();
    const root = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name: 'CN=test root',
      notBefore: new Date(Date.now() - dayMs),
      notAfter: new Date(Date.now() + dayMs),
      signingAlgorithm: algorithm,
      keys,
      extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
    });
    return new TestAuthority(keys, root);
  }

  get roots(): string {
    return this.root.toString('pem');
  }

  async issue(names: { readonly uri?: string; readonly dns?: string }): Promise<Identity> {
    const keys = await newKeys();
    const alternatives: x509.JsonGeneralName[] = [
      ...(names.uri === undefined ? [] : [{ type: 'url' as const, value: names.uri }]),
      ...(names.dns === undefined ? [] : [{ type: 'dns' as const, value: names.dns }]),
    ];
    const certificate = await x509.X509CertificateGenerator.create({
      subject: 'CN=test',
      issuer: this.root.subject,
      notBefore: new Date(Date.now() - dayMs),
      notAfter: new Date(Date.now() + dayMs),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      extensions: [new x509.SubjectAlternativeNameExtension(alternatives)],
    });
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
    return {
      certificate: certificate.toString('pem'),
      key: String(key.export({ format: 'pem', type: 'pkcs8' })),
    };
  }
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}
