import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const DOTLINE = fileURLToPath(new URL('../../bin/dotline.js', import.meta.url));
const HELLO = fileURLToPath(new URL('../../../examples/hello', import.meta.url));
const run = promisify(execFile);

/** The rules of the hello mesh's callers, relative to its directory. */
export const GUESTS = 'policies/teams/guests/guests.rego';

/** What a command printed, and how it ended. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The hello mesh in a Git checkout of its own, on branch `main`. */
export class HelloCheckout {
  private constructor(readonly directory: string) {}

  static async create(): Promise<HelloCheckout> {
    const checkout = new HelloCheckout(await mkdtemp(join(tmpdir(), 'hello-checkout-')));
    const { directory } = checkout;
    for (const part of ['mesh.yaml', 'services', 'policies', 'slo'])
      await cp(join(HELLO, part), join(directory, part), { recursive: true });
    await writeFile(join(directory, '.gitignore'), '.dotline\n');
    await checkout.#git('init', '-q', '-b', 'main');
    await checkout.#git('add', '.');
    await checkout.#git('commit', '-q', '-m', 'hello');
    return checkout;
  }

  /** The guests' rules as they are. */
  rules(): Promise<string> {
    return readFile(join(this.directory, GUESTS), 'utf8');
  }

  /** Commits other rules of the guests on a new branch, and comes back to `main`. */
  async branch(name: string, rules: string): Promise<void> {
    await this.#git('checkout', '-q', '-b', name, 'main');
    await writeFile(join(this.directory, GUESTS), rules);
    await this.#git('commit', '-q', '-a', '-m', name);
    await this.#git('checkout', '-q', 'main');
  }

  /** Runs the command for this mesh as a person would. */
  dotline(...args: readonly string[]): Promise<Ran> {
    const env = { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' };
    return run(process.execPath, [DOTLINE, ...args, '--mesh', this.directory], { env }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }: Ran) => ({ code, stdout, stderr }),
    );
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  async #git(...args: readonly string[]): Promise<void> {
    const author = ['-c', 'user.name=A', '-c', 'user.email=a@example.com'];
    await run('git', ['-C', this.directory, ...author, ...args]);
  }
}
