import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Ran } from './hello-checkout.js';

const run = promisify(execFile);

/** A checkout that a person works in. */
export class GitClone {
  constructor(readonly directory: string) {}

  /** @param args further ones of `git clone` */
  static async of(url: string, directory: string, ...args: readonly string[]): Promise<GitClone> {
    const clone = new GitClone(directory);
    await run('git', ['clone', '-q', ...args, url, directory], { env: environment() });
    return clone;
  }

  read(file: string): Promise<string> {
    return readFile(join(this.directory, file), 'utf8');
  }

  async commit(file: string, text: string): Promise<void> {
    await writeFile(join(this.directory, file), text);
    await this.git('commit', '-qam', file);
  }

  /** Pushes; without words to Git, to the live branch. */
  push(...args: readonly string[]): Promise<Ran> {
    const [first] = args;
    const to = first === undefined || first.startsWith('-') ? [...args, 'origin', 'main'] : args;
    return this.git('push', ...to).catch((error: Ran) => error);
  }

  /** @throws Ran when Git fails */
  async git(...args: readonly string[]): Promise<Ran> {
    const author = ['-c', 'user.name=A', '-c', 'user.email=a@example.com'];
    const options = { env: environment() };
    const all = ['-C', this.directory, ...author, ...args];
    const { stdout, stderr } = await run('git', all, options);
    return { code: 0, stdout, stderr: stderr.replaceAll(/ +$/gm, '') };
  }
}

/** A variable of the machine would win over what a clone is told to trust. */
function environment(): NodeJS.ProcessEnv {
  const { GIT_SSL_CAINFO: _, ...others } = process.env;
  return others;
}
