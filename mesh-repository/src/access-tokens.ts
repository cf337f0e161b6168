import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { z } from 'zod';
import { RepositoryError } from './repository-error.js';

const TOKEN_BYTES = 32;

/** Only hashes are kept: whoever reads the file cannot push. A token has 256 random bits, so a plain hash will do. */
const TokenFile = z.array(
  z.object({ person: z.string(), sha256: z.string(), createdAtMs: z.number() }),
);
type Tokens = z.infer<typeof TokenFile>;

/** The tokens that people push with, in a file. Read anew each time, so that a change holds at once. */
export class AccessTokens {
  constructor(private readonly path: string) {}

  /** Makes a token for a person and returns it; it can not be read later. Earlier ones stay good. */
  async add(person: string): Promise<string> {
    if (!/^[^\s:]{1,254}$/.test(person)) {
      throw new RepositoryError(
        `${JSON.stringify(person)} is no name: no spaces and colons, as in mesh.yaml`,
      );
    }
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    await this.#write([
      ...(await this.#read()),
      { person, sha256: hashOf(token), createdAtMs: Date.now() },
    ]);
    return token;
  }

  /** Takes all tokens of a person back. @returns how many there were */
  async revoke(person: string): Promise<number> {
    const tokens = await this.#read();
    const kept = tokens.filter((token) => token.person.toLowerCase() !== person.toLowerCase());
    if (kept.length < tokens.length) await this.#write(kept);
    return tokens.length - kept.length;
  }

  /** Whose a token is. */
  async personOf(token: string): Promise<string | undefined> {
    const sha256 = hashOf(token);
    return (await this.#read()).find((known) => known.sha256 === sha256)?.person;
  }

  /** Those who have a token. */
  async people(): Promise<string[]> {
    return [...new Set((await this.#read()).map(({ person }) => person))];
  }

  async #read(): Promise<Tokens> {
    const text = await readFile(this.path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '[]';
      throw error;
    });
    return TokenFile.parse(JSON.parse(text));
  }

  async #write(tokens: Tokens): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
    await writeFileAtomic(this.path, `${JSON.stringify(tokens, null, 2)}\n`, { mode: 0o600 });
  }
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
