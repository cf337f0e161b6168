import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509';
import { CertificateAuthority, CertificateRequestError } from './certificate-authority.js';

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const FARE = 'spiffe://uber.example/service/fare';

let directory: string;
let authority: CertificateAuthority;

beforeAll(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'dotline-ca-')), 'authority');
  authority = await CertificateAuthority.open(directory);
});

afterAll(() => rm(join(directory, '..'), { recursive: true, force: true }));

describe('root', () => {
  it('is kept where only the owner reads it', async () => {
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(join(directory, 'root-key.pem'))).mode & 0o777).toBe(0o600);
  });

  it('is the same after a restart', async () => {
    const again = await CertificateAuthority.open(directory);
    expect(again.bundle).toBe(authority.bundle);
  });

  it('is one, however many replicas start together', async () => {
    const fresh = join(directory, '..', 'fresh');
    const authorities = await Promise.all(
      Array.from({ length: 4 }, () => CertificateAuthority.open(fresh)),
    );
    expect(new Set(authorities.map(({ bundle }) => bundle)).size).toBe(1);
  });

  it('lives ten years and may sign certificates, but no further authorities', () => {
    const root = new X509Certificate(authority.bundle);
    expect(root.ca).toBe(true);
    expect(root.verify(root.publicKey)).toBe(true);
    const years = (Date.parse(root.validTo) - Date.now()) / (365 * 86_400_000);
    expect(years).toBeCloseTo(10, 1);
  });

  it('is refused when others can read its key', async () => {
    const key = join(directory, 'root-key.pem');
    await chmod(key, 0o644);
    await expect(CertificateAuthority.open(directory)).rejects.toThrow('chmod 600');
    await chmod(key, 0o600);
  });

  it('is refused when it is about to end', async () => {
    const later = Date.now() + 10 * 365 * 86_400_000;
    await expect(CertificateAuthority.open(directory, later)).rejects.toThrow('ends at');
  });
});

describe('certificates', () => {
  it('chain to the root, name one identity and live an hour', async () => {
    const signed = await authority.signCertificate(await csr(), FARE);
    const certificate = new X509Certificate(signed.certificate);
    const root = new X509Certificate(signed.bundle);
    expect(certificate.verify(root.publicKey)).toBe(true);
    expect(certificate.checkIssued(root)).toBe(true);
    expect(certificate.subjectAltName).toBe(`URI:${FARE}`);
    expect(certificate.ca).toBe(false);
    // clientAuth, serverAuth
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1']);
    expect(Date.parse(certificate.validTo)).toBeLessThanOrEqual(signed.notAfterMs);
    expect(signed.notAfterMs - Date.now()).toBeGreaterThan(3_590_000);
    expect(Date.now() - Date.parse(certificate.validFrom)).toBeGreaterThanOrEqual(60_000);
  });

  it('name hosts too where clients verify by name', async () => {
    const signed = await authority.signCertificate(await csr(), FARE, ['localhost', '127.0.0.1']);
    const certificate = new X509Certificate(signed.certificate);
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkHost('localhost')).toBe('localhost');
  });

  it('take nothing but the key from the request', async () => {
    const greedy = await Pkcs10CertificateRequestGenerator.create({
      name: 'CN=control-plane',
      keys: await keyPair(),
      signingAlgorithm: P256,
      extensions: [
        new SubjectAlternativeNameExtension([
          { type: 'url', value: 'spiffe://uber.example/platform/control-plane' },
        ]),
      ],
    });
    const signed = await authority.signCertificate(greedy.toString('pem'), FARE);
    const certificate = new X509Certificate(signed.certificate);
    expect(certificate.subjectAltName).toBe(`URI:${FARE}`);
    expect(certificate.subject).toBe('O=Dotline');
  });

  it('have serial numbers of their own', async () => {
    const request = await csr();
    const [a, b] = await Promise.all([
      authority.signCertificate(request, FARE),
      authority.signCertificate(request, FARE),
    ]);
    const serials = [a, b].map(({ certificate }) => new X509Certificate(certificate).serialNumber);
    expect(serials[0]).not.toBe(serials[1]);
    expect(serials[0]).toHaveLength(32);
  });

  it.each([
    ['no request', 'hello', 'not a PKCS #10'],
    [
      'an empty one',
      '-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----',
      'PKCS',
    ],
  ])('are not made from %s', async (_title, request, reason) => {
    const refused = authority.signCertificate(request, FARE);
    await expect(refused).rejects.toThrow(CertificateRequestError);
    await expect(authority.signCertificate(request, FARE)).rejects.toThrow(reason);
  });

  it('are not made for a key that the sender does not hold', async () => {
    const request = await csr();
    const der = Buffer.from(request.replaceAll(/-----.*-----|\n/g, ''), 'base64');
    const last = der.length - 1;
    der[last] = (der[last] ?? 0) ^ 1;
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
    await expect(authority.signCertificate(forged, FARE)).rejects.toThrow('signature');
  });

  it('are not made for weak or unusual keys', async () => {
    const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    const keys = await webcrypto.subtle.generateKey(
      { ...rsa, modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]) },
      true,
      ['sign', 'verify'],
    );
    const request = await Pkcs10CertificateRequestGenerator.create({
      name: 'CN=x',
      keys,
      signingAlgorithm: rsa,
    });
    const refused = authority.signCertificate(request.toString('pem'), FARE);
    await expect(refused).rejects.toThrow('EC P-256 or P-384');
  });
});

function keyPair() {
  return webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
}

async function csr(): Promise<string> {
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=dotline',
    keys: await keyPair(),
    signingAlgorithm: P256,
  });
  return request.toString('pem');
}
