import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { identitySecretFiles } from '@dotline/sidecar-config/bootstrap';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import type { ControlPlaneClient } from './control-plane-client.js';
import type { Subject } from './subject.js';

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** Who somebody is, as PEM texts. */
interface Identity {
  readonly key: string;
  /** With the chain. */
  readonly certificate: string;
  readonly bundle: string;
  /** Milliseconds since the epoch. */
  readonly notAfterMs: number;
}

/** Makes a new key and has it certified; the key never leaves this process. */
export async function requestIdentity(
  subject: Subject,
  controlPlane: ControlPlaneClient,
): Promise<Identity> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=dotline',
    keys,
    signingAlgorithm: KEY_ALGORITHM,
  });
  const signed = await controlPlane.signCertificate(subject, request.toString('pem'));
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return { ...signed, key: pem('PRIVATE KEY', der) };
}

/**
 * Makes a new key in `directory`, has it certified, and puts key, certificate and bundle in place in
 * one step (the link `current` is swapped), so that a reader never sees a key without its certificate.
 * The key never leaves this host.
 * @returns when the certificate ends, milliseconds since the epoch
 */
export async function renewIdentity(
  directory: string,
  subject: Subject,
  controlPlane: ControlPlaneClient,
): Promise<number> {
  const signed = await requestIdentity(subject, controlPlane);
  const version = `v${Date.now()}`;
  const folder = join(directory, version);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, 'key.pem'), signed.key, { mode: 0o600 });
  await writeFile(join(folder, 'certificate.pem'), signed.certificate);
  await writeFile(join(folder, 'bundle.pem'), signed.bundle);
  for (const [name, content] of Object.entries(identitySecretFiles(directory))) {
    await writeFile(join(directory, name), content);
  }
  const previous = await readFile(join(directory, 'version'), 'utf8').catch(() => undefined);
  const link = join(directory, `.link-${version}`);
  await symlink(version, link);
  await rename(link, join(directory, 'current'));
  await writeFile(join(directory, 'version'), version);
  if (previous !== undefined) await rm(join(directory, previous), { recursive: true, force: true });
  return signed.notAfterMs;
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
