import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

type Keys = webcrypto.CryptoKeyPair;

cryptoProvider.set(webcrypto as unknown as Parameters<typeof cryptoProvider.set>[1]);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const VALIDITY_MS = 3_600_000;

/** PEM texts of one identity. */
export interface IssuedIdentity {
  readonly certificate: Buffer;
  readonly key: Buffer;
  readonly bundle: Buffer;
}

/** A root that issues identities for as long as a test runs. */
export class CertificateAuthority {
  #serial = 1;

  private constructor(
    private readonly root: X509Certificate,
    private readonly keys: Keys,
  ) {}

  static async create(): Promise<CertificateAuthority> {
    const keys = await newKeys();
    const root = await X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name: 'CN=test root',
      ...validity(),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [new BasicConstraintsExtension(true, 0, true)],
    });
    return new CertificateAuthority(root, keys);
  }

  /** A certificate for a SPIFFE ID that also serves `127.0.0.1`; lives an hour unless told otherwise. */
  async issue(spiffeId: string, lifeMs = VALIDITY_MS): Promise<IssuedIdentity> {
    const keys = await newKeys();
    this.#serial += 1;
    const certificate = await X509CertificateGenerator.create({
      serialNumber: this.#serial.toString(16).padStart(4, '0'),
      subject: '',
      issuer: this.root.subject,
      ...validity(lifeMs),
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new SubjectAlternativeNameExtension([
          { type: 'url', value: spiffeId },
          { type: 'ip', value: '127.0.0.1' },
        ]),
      ],
    });
    const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return {
      certificate: Buffer.from(`${certificate.toString('pem')}\n`),
      key: Buffer.from(pem('PRIVATE KEY', Buffer.from(key))),
      bundle: Buffer.from(`${this.root.toString('pem')}\n`),
    };
  }
}

/** Puts an identity into a folder the way its issuer does: a new folder, then the link `current`. */
export async function putIdentity(directory: string, identity: IssuedIdentity): Promise<void> {
  const folder = join(directory, `identity-${process.hrtime.bigint()}`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'certificate.pem'), identity.certificate);
  await writeFile(join(folder, 'key.pem'), identity.key, { mode: 0o600 });
  await writeFile(join(folder, 'bundle.pem'), identity.bundle);
  const link = join(directory, 'next');
  await symlink(folder, link);
  await rename(link, join(directory, 'current'));
}

function newKeys(): Promise<Keys> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<Keys>;
}

function validity(lifeMs = VALIDITY_MS): { notBefore: Date; notAfter: Date } {
  const nowMs = Date.now();
  return { notBefore: new Date(nowMs - 60_000), notAfter: new Date(nowMs + lifeMs) };
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
