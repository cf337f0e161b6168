import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  Pkcs10CertificateRequest,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { type AuthorityFiles, authorityFiles } from './authority-files.js';

cryptoProvider.set(webcrypto);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const ROOT_LIFE_MS = 10 * 365 * 86_400_000;
/** Certificates live an hour; hosts renew them at half of that. */
export const CERTIFICATE_LIFE_MS = 3_600_000;
/** A host whose clock is behind would refuse a certificate that begins now. */
const BACKDATED_MS = 60_000;

/** A certificate as its holder needs it. */
export interface SignedCertificate {
  /** PEM; the root signs directly, so the chain is the certificate alone. */
  readonly certificate: string;
  /** PEM of the roots to verify others against. */
  readonly bundle: string;
  readonly notAfterMs: number;
}

/** A certificate request that cannot be signed; the message says what to change. */
export class CertificateRequestError extends Error {
  override readonly name = 'CertificateRequestError';
}

/** The authority's stored state cannot be used; the message says what to do. */
export class AuthorityStateError extends Error {
  override readonly name = 'AuthorityStateError';
}

/**
 * Certifies the keys of services and of the platform's own parts with one root per mesh
 * (EC P-256), kept in a folder that only this process reads.
 */
export class CertificateAuthority {
  readonly #root: X509Certificate;
  readonly #rootKey: webcrypto.CryptoKey;
  /** PEM of the root. */
  readonly bundle: string;

  private constructor(root: X509Certificate, rootKey: webcrypto.CryptoKey) {
    this.#root = root;
    this.#rootKey = rootKey;
    this.bundle = `${root.toString('pem')}\n`;
  }

  /**
   * Opens the authority kept in `directory`, or makes one when the directory is new.
   * @throws AuthorityStateError, ExposedKeyError when the stored root cannot be used
   */
  static async open(directory: string, now = Date.now()): Promise<CertificateAuthority> {
    const files = await authorityFiles(directory, () => newRoot(now));
    const root = new X509Certificate(files.certificate);
    const rootKey = await webcrypto.subtle.importKey(
      'pkcs8',
      PemConverter.decodeFirst(files.key),
      ALGORITHM,
      false,
      ['sign'],
    );
    const authority = new CertificateAuthority(root, rootKey);
    await authority.#check(directory, now);
    return authority;
  }

  /**
   * Certifies the key of a request for one identity. Only the key is taken from the request:
   * whatever names and extensions it asks for, the certificate carries `spiffeId` alone
   * (https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md).
   * @param hosts further DNS names and IP addresses, for servers that clients verify by name
   * @throws CertificateRequestError
   */
  async signCertificate(
    csrPem: string,
    spiffeId: string,
    hosts: readonly string[] = [],
  ): Promise<SignedCertificate> {
    return this.#issue(await verifiedKey(csrPem), [
      { type: 'url', value: spiffeId },
      ...hosts.map(generalName),
    ]);
  }

  /** Certifies a key that this process made for itself; without an identity it only names hosts. */
  async signOwnKey(
    publicKey: webcrypto.CryptoKey,
    spiffeId: string | undefined,
    hosts: readonly string[],
  ): Promise<SignedCertificate> {
    const identity: JsonGeneralName[] =
      spiffeId === undefined ? [] : [{ type: 'url', value: spiffeId }];
    return this.#issue(publicKey, [...identity, ...hosts.map(generalName)]);
  }

  async #issue(
    publicKey: PublicKey | webcrypto.CryptoKey,
    names: JsonGeneralName[],
  ): Promise<SignedCertificate> {
    const now = Date.now();
    const notAfterMs = now + CERTIFICATE_LIFE_MS;
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: 'O=Dotline',
      issuer: this.#root.subject,
      notBefore: new Date(now - BACKDATED_MS),
      notAfter: new Date(notAfterMs),
      signingAlgorithm: ALGORITHM,
      publicKey,
      signingKey: this.#rootKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(names),
        await SubjectKeyIdentifierExtension.create(publicKey),
        await AuthorityKeyIdentifierExtension.create(this.#root),
      ],
    });
    return { certificate: `${certificate.toString('pem')}\n`, bundle: this.bundle, notAfterMs };
  }

  async #check(directory: string, now: number): Promise<void> {
    const notAfter = this.#root.notAfter.getTime();
    if (notAfter - now < CERTIFICATE_LIFE_MS) {
      throw new AuthorityStateError(
        `the root certificate in ${directory} ends at ${this.#root.notAfter.toISOString()}: move the folder away to have a new one made, then restart every part of the mesh`,
      );
    }
    const probe = Buffer.from(directory);
    const signature = await webcrypto.subtle.sign(ALGORITHM, this.#rootKey, probe);
    const publicKey = await this.#root.publicKey.export(ALGORITHM, ['verify']);
    if (!(await webcrypto.subtle.verify(ALGORITHM, publicKey, signature, probe))) {
      throw new AuthorityStateError(
        `key and certificate in ${directory} do not belong together: restore both from one backup`,
      );
    }
  }
}

async function newRoot(now: number): Promise<AuthorityFiles> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const root = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'O=Dotline, CN=Dotline mesh root',
    notBefore: new Date(now - BACKDATED_MS),
    notAfter: new Date(now + ROOT_LIFE_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      // No certificate that it signs may sign another.
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    key: `${PemConverter.encode(key, PemConverter.PrivateKeyTag)}\n`,
    certificate: `${root.toString('pem')}\n`,
  };
}

/** The request's key, once it is proven that the sender holds it. */
async function verifiedKey(csrPem: string): Promise<PublicKey> {
  let request: Pkcs10CertificateRequest;
  let verified: boolean;
  try {
    request = new Pkcs10CertificateRequest(csrPem);
    verified = await request.verify();
  } catch {
    throw new CertificateRequestError('csr is not a PKCS #10 certificate request in PEM');
  }
  if (!verified)
    throw new CertificateRequestError('the signature of the csr is not that of its key');
  const { name, namedCurve } = request.publicKey.algorithm as webcrypto.EcKeyAlgorithm;
  if (name !== 'ECDSA' || !['P-256', 'P-384'].includes(namedCurve)) {
    throw new CertificateRequestError('the key of the csr must be EC P-256 or P-384');
  }
  return request.publicKey;
}

function generalName(host: string): JsonGeneralName {
  return { type: /^[\d.]+$|:/.test(host) ? 'ip' : 'dns', value: host };
}

/** 127 random bits, positive. "at least 64 bits of output from a CSPRNG" (CA/Browser Forum BR 7.1). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}
