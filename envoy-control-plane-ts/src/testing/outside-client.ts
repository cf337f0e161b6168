import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { promisify } from 'node:util';
import { status } from '@grpc/grpc-js';

const run = promisify(execFile);
const workspace = join(import.meta.dirname, '..', '..');

/** A gRPC client with an xDS implementation that is not ours: a program that calls on demand. */
export class OutsideClient {
  readonly #lines: Interface;
  #log = '';

  private constructor(private readonly process: ChildProcess) {
    if (process.stdout === null || process.stdin === null) {
      throw new Error('the client has no stdin or stdout');
    }
    this.#lines = createInterface({ input: process.stdout });
    process.stdin.on('error', () => undefined);
    process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log = (this.#log + text).slice(-4_000);
    });
  }

  /** @param service its target is `xds:///<service>` */
  static start(
    [command = '', ...args]: readonly string[],
    { service, nodeId, xdsPort }: { service: string; nodeId: string; xdsPort: number },
  ): OutsideClient {
    const bootstrap = {
      xds_servers: [
        {
          server_uri: `127.0.0.1:${xdsPort}`,
          channel_creds: [{ type: 'insecure' }],
          server_features: ['xds_v3'],
        },
      ],
      node: { id: nodeId, locality: { region: 'r', zone: 'z', sub_zone: 's' } },
    };
    const child = spawn(command, [...args, `xds:///${service}`], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap) },
    });
    return new OutsideClient(child);
  }

  /** Makes one call: `OK <answer>`, or the name of its status code and the text. */
  call(): Promise<string> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error(`the client ended: ${this.#log}`));
      this.process.once('exit', ended);
      this.#lines.once('line', (line) => {
        this.process.off('exit', ended);
        const [code, text] = line.split('\t');
        resolve(`${status[Number(code)]} ${text}`);
      });
      this.process.stdin?.write('call\n');
    });
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = new Promise((resolve) => this.process.once('exit', resolve));
      this.process.kill('SIGKILL');
      await ended;
    }
    this.#lines.close();
  }
}

/** The program around `@grpc/grpc-js-xds`, as it was compiled. */
export function grpcJsClient(): Promise<string[]> {
  const program = join(workspace, 'dist', 'testing', 'grpc-js-xds-process.js');
  return Promise.resolve([process.execPath, program]);
}

/**
 * The program around grpc-go's xDS client: built once for each content of its sources, into the
 * user's cache folder (`DOTLINE_CACHE`, if set).
 * @throws when there is no Go
 */
export async function grpcGoClient(): Promise<string[]> {
  const sources = join(workspace, 'outside-clients', 'grpc-go');
  const { stdout: goVersion } = await run('go', ['env', 'GOVERSION']).catch((error: Error) => {
    throw new Error(`this test needs Go on PATH, to build grpc-go's xDS client: ${error.message}`);
  });
  const hash = createHash('sha256').update(goVersion);
  for (const name of (await readdir(sources)).sort()) {
    hash.update(`\n${name}\n`).update(await readFile(join(sources, name)));
  }
  const cache = process.env.DOTLINE_CACHE ?? join(homedir(), '.cache', 'dotline');
  const folder = join(cache, 'outside-clients');
  const program = join(folder, `grpc-go-${hash.digest('hex').slice(0, 32)}`);
  const isBuilt = await access(program).then(
    () => true,
    () => false,
  );
  if (!isBuilt) {
    await mkdir(folder, { recursive: true });
    const unfinished = `${program}.${process.pid}`;
    await run('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', unfinished, '.'], {
      cwd: sources,
    });
    await rename(unfinished, program);
  }
  return [program];
}
