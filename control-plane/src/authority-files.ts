import { chmod, mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The root as it is kept: both PEM. */
export interface AuthorityFiles {
  readonly key: string;
  readonly certificate: string;
}

const CERTIFICATE_FILE = 'root.pem';
const KEY_FILE = 'root-key.pem';

/** Others on the host may read the root's key. */
export class ExposedKeyError extends Error {
  override readonly name = 'ExposedKeyError';

  constructor(readonly path: string) {
    super(`${path} can be read by others: chmod 600 ${path}, and replace it if anyone has`);
  }
}

/**
 * The root kept in a directory, or `undefined` when there is none yet.
 * @throws ExposedKeyError
 */
export async function readAuthorityFiles(directory: string): Promise<AuthorityFiles | undefined> {
  const certificate = await readIfExists(join(directory, CERTIFICATE_FILE));
  if (certificate === undefined) return undefined;
  const keyPath = join(directory, KEY_FILE);
  const key = await readFile(keyPath, 'utf8');
  if (((await stat(keyPath)).mode & 0o077) !== 0) throw new ExposedKeyError(keyPath);
  return { key, certificate };
}

/** Keeps a new root: the certificate is put in place last, so that a half-written root is none. */
export async function writeAuthorityFiles(
  directory: string,
  files: AuthorityFiles,
): Promise<AuthorityFiles> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  await replaceFile(join(directory, KEY_FILE), files.key, 0o600);
  await replaceFile(join(directory, CERTIFICATE_FILE), files.certificate, 0o644);
  return files;
}

async function replaceFile(path: string, content: string, mode: number): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  const file = await open(temporary, 'w', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

async function readIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
