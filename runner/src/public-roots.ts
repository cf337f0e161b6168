import { copyFile, writeFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';

/** Where Debian, Alpine, Red Hat and SUSE keep the public authorities that their users trust. */
const SYSTEM_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
];

/**
 * Writes the PEM certificates of the public authorities to a file: those of `SSL_CERT_FILE`, else the
 * system's, else the ones that Node.js brings.
 * @throws when `SSL_CERT_FILE` names a file that cannot be read
 */
export async function writePublicRoots(file: string): Promise<void> {
  const named = process.env.SSL_CERT_FILE;
  if (named !== undefined && named !== '') return copyFile(named, file);
  for (const path of SYSTEM_FILES) {
    const copied = await copyFile(path, file).then(
      () => true,
      () => false,
    );
    if (copied) return;
  }
  await writeFile(file, rootCertificates.join('\n'));
}
