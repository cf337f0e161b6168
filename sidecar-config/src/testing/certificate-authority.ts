import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { identitySecretFiles } from '../bootstrap.js';

cryptoProvider.set(webcrypto as unknown as Parameters<typeof cryptoProvider.set>[1]);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR_MS = 3_600_000;

/** PEM texts of one identity. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
  readonly bundle: string;
  /** Hexadecimal, as Envoy's admin shows it. */
  readonly serial: string;
}

/** A root of trust that lives as long as the test. */
export class CertificateAuthority {
  #serial = 16;

  private constructor(
    readonly root: X509Certificate,
    private readonly keys: webcrypto.CryptoKeyPair,
  ) {}

  static async create(): Promise<CertificateAuthority> {
    const keys = await newKeys();
    const root = await X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name: 'CN=test root',
      ...validity(),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new CertificateAuthority(root, keys);
  }

  issue(spiffeId: string): Promise<Identity> {
    return this.#issue({ type: 'url', value: spiffeId });
  }

  /** For a server outside of the mesh. */
  issueForHost(name: string): Promise<Identity> {
    return this.#issue({ type: 'dns', value: name });
  }

  async #issue(subject: {
    readonly type: 'url' | 'dns';
    readonly value: string;
  }): Promise<Identity> {
    const keys = await newKeys();
    this.#serial += 1;
    const serial = this.#serial.toString(16).padStart(4, '0');
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serial,
      subject: 'CN=test',
      issuer: this.root.subject,
      ...validity(),
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new SubjectAlternativeNameExtension([subject], true),
      ],
    });
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
    return {
      certificate: certificate.toString('pem'),
      key: `-----BEGIN PRIVATE KEY-----\n${key.toString('base64')}\n-----END PRIVATE KEY-----\n`,
      bundle: this.root.toString('pem'),
      serial,
    };
  }
}

/** Puts an identity into its directory the way a host does: a new folder, then the link in one step. */
export async function placeIdentity(directory: string, identity: Identity): Promise<void> {
  const folder = join(directory, identity.serial);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'certificate.pem'), identity.certificate);
  await writeFile(join(folder, 'key.pem'), identity.key);
  await writeFile(join(folder, 'bundle.pem'), identity.bundle);
  for (const [name, content] of Object.entries(identitySecretFiles(directory))) {
    await writeFile(join(directory, name), content);
  }
  const link = join(directory, `link-${identity.serial}`);
  await symlink(identity.serial, link);
  await rename(link, join(directory, 'current'));
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(ALGORITHM, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
}

function validity() {
  return { notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + HOUR_MS) };
}
