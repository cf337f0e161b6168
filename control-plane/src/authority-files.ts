import { randomUUID } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The root as it is kept: both PEM. */
export interface AuthorityFiles {
  readonly key: string;
  readonly certificate: string;
}

/** Holds key and certificate, so that one cannot be there without the other. */
const KEY_FILE = 'root-key.pem';
/** The certificate alone, for everyone who verifies others. */
const CERTIFICATE_FILE = 'root.pem';

/** Others on the host may read the root's key. */
export class ExposedKeyError extends Error {
  override readonly name = 'ExposedKeyError';

  constructor(readonly path: string) {
    super(`${path} can be read by others: chmod 600 ${path}, and replace it if anyone has`);
  }
}

/**
 * The root kept in a directory; `make` makes it when there is none yet. Of several processes that
 * start together on a new directory one makes the root, and all use it.
 * @throws ExposedKeyError
 */
export async function authorityFiles(
  directory: string,
  make: () => Promise<AuthorityFiles>,
): Promise<AuthorityFiles> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  const path = join(directory, KEY_FILE);
  let text = await readIfExists(path);
  if (text === undefined) {
    const made = await make();
    await createFile(path, made.key + made.certificate);
    text = await readFile(path, 'utf8');
  }
  if (((await stat(path)).mode & 0o077) !== 0) throw new ExposedKeyError(path);
  const files = split(text);
  const certificatePath = join(directory, CERTIFICATE_FILE);
  if ((await readIfExists(certificatePath)) !== files.certificate) {
    const temporary = await writeTemporary(certificatePath, files.certificate, 0o644);
    await rename(temporary, certificatePath);
  }
  return files;
}

function split(text: string): AuthorityFiles {
  const start = text.indexOf('-----BEGIN CERTIFICATE-----');
  return { key: text.slice(0, Math.max(start, 0)), certificate: text.slice(start) };
}

/** Writes a file for its owner alone, whole or not at all; one that exists stays as it is. */
async function createFile(path: string, content: string): Promise<void> {
  const temporary = await writeTemporary(path, content, 0o600);
  try {
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function writeTemporary(path: string, content: string, mode: number): Promise<string> {
  const temporary = `${path}.${randomUUID()}`;
  const file = await open(temporary, 'w', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  return temporary;
}

async function readIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
