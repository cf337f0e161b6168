import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const DOTLINE = fileURLToPath(new URL('../../bin/dotline.js', import.meta.url));
const run = promisify(execFile);

/** `dotline git serve` for a mesh directory, on a port of its own. */
export class ServedRepository {
  private constructor(
    private readonly server: ChildProcess,
    private readonly meshDirectory: string,
    readonly url: string,
  ) {}

  /** @param args further ones of the command */
  static async start(meshDirectory: string, ...args: string[]): Promise<ServedRepository> {
    const server = spawn(
      process.execPath,
      [DOTLINE, 'git', 'serve', '--mesh', meshDirectory, '--listen', '127.0.0.1:0', ...args],
      { env: { ...process.env, NODE_OPTIONS: '' }, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    for await (const line of createInterface(server.stdout)) {
      const [url = ''] = line.split(' ');
      if (!url.startsWith('http')) continue;
      server.stdout.resume();
      return new ServedRepository(server, meshDirectory, url);
    }
    throw new Error('dotline git serve does not listen');
  }

  /** The repository's address for a person, who gets a token. */
  async addressFor(person: string): Promise<string> {
    const env = { ...process.env, NODE_OPTIONS: '' };
    const args = [DOTLINE, 'git', 'token', person, '--mesh', this.meshDirectory];
    const { stdout } = await run(process.execPath, args, { env });
    const user = `${encodeURIComponent(person)}:${stdout.trim()}`;
    return this.url.replace('://', `://${user}@`);
  }

  async stop(): Promise<void> {
    if (this.server.exitCode !== null) return;
    this.server.kill('SIGTERM');
    await once(this.server, 'exit');
  }
}
