import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CertificateAuthority } from '@dotline/control-plane/certificate-authority';
import { ServerCertificate } from '@dotline/control-plane/server-certificate';
import { RepositoryError } from './repository-error.js';

/** Whoever renews the files need not tell. */
const FILES_READ_EVERY_MS = 30_000;

/** Key and certificate of a server, both PEM. */
interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}

/** What a server shows to its clients, now and after each renewal. */
export interface ServerTls {
  readonly current: KeyAndCertificate;
  onRenewed(listener: (renewed: KeyAndCertificate) => void): void;
  close(): void;
}

/**
 * A certificate of the mesh's own authority, renewed in place at half of its hour. It names hosts alone and is
 * no identity in the mesh: no sidecar takes it for a service's.
 * @param directory of the authority; a new one is made when it is empty
 * @throws RepositoryError when the authority's files cannot be used
 */
export async function tlsOfMesh(
  directory: string,
  hosts: readonly string[],
  log: (line: string) => void,
): Promise<ServerTls & { readonly rootFile: string }> {
  const authority = await CertificateAuthority.open(directory).catch((error: unknown) => {
    throw new RepositoryError(messageOf(error));
  });
  const certificate = await ServerCertificate.create(authority, hosts, (error) =>
    log(`warning: the certificate cannot be renewed: ${messageOf(error)}`),
  );
  const shown = ({ key, certificate: cert }: ServerCertificate['current']) => ({ key, cert });
  return {
    rootFile: join(directory, 'root.pem'),
    get current() {
      return shown(certificate.current);
    },
    onRenewed: (listener) => {
      certificate.onRenewed((identity) => listener(shown(identity)));
    },
    close: () => certificate.close(),
  };
}

/**
 * A certificate in files, which are read again when they change. Files that are no pair, as between two
 * writes, change nothing.
 * @throws RepositoryError when they cannot be used at first
 */
export async function tlsOfFiles(
  files: { readonly certificate: string; readonly key: string },
  log: (line: string) => void,
): Promise<ServerTls> {
  let current = await readPair(files);
  let complaint = '';
  const listeners: ((renewed: KeyAndCertificate) => void)[] = [];
  const readAgain = async () => {
    const pair = await readPair(files).catch((error: unknown) => messageOf(error));
    if (typeof pair === 'string') {
      if (pair !== complaint) log(`warning: the certificate stays as it was: ${pair}`);
      complaint = pair;
      return;
    }
    complaint = '';
    if (pair.cert === current.cert && pair.key === current.key) return;
    current = pair;
    for (const listener of listeners) listener(pair);
    log(`${files.certificate} is in use`);
  };
  const timer = setInterval(() => void readAgain(), FILES_READ_EVERY_MS).unref();
  return {
    get current() {
      return current;
    },
    onRenewed: (listener) => {
      listeners.push(listener);
    },
    close: () => clearInterval(timer),
  };
}

/** @throws RepositoryError */
async function readPair(files: {
  readonly certificate: string;
  readonly key: string;
}): Promise<KeyAndCertificate> {
  const [cert, key] = await Promise.all([read(files.certificate), read(files.key)]);
  const certificate = parsed(files.certificate, 'a certificate', () => new X509Certificate(cert));
  const privateKey = parsed(files.key, 'a key without a passphrase', () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new RepositoryError(`${files.key} is not the key of ${files.certificate}`);
  }
  if (Date.parse(certificate.validTo) < Date.now()) {
    throw new RepositoryError(`${files.certificate} ended at ${certificate.validTo}: renew it`);
  }
  return { key, cert };
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new RepositoryError(
      `${path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? messageOf(error)}`,
    );
  }
}

function parsed<T>(path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new RepositoryError(`${path} does not hold ${what} in PEM`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
