import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type RequestOptions, request } from 'node:http';
import { join } from 'node:path';
import type { Instance } from '@dotline/model/instance';
import { serviceSpiffeId } from '@dotline/model/spiffe-id';
import { sidecarBootstrap } from '../bootstrap.js';
import {
  appSocket,
  identityDirectory,
  outboundSocket,
  sidecarDirectory,
} from '../sidecar-directory.js';
import { type CertificateAuthority, placeIdentity } from './certificate-authority.js';
import { eventually } from './eventually.js';

/** A response as tests look at it. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A real Envoy beside a small app that says what it was asked. */
export class RealSidecar {
  private constructor(
    readonly instance: Instance,
    private readonly runDirectory: string,
    private readonly envoy: ChildProcess,
    private readonly app: ReturnType<typeof createServer>,
  ) {}

  static async start(options: {
    readonly runDirectory: string;
    readonly trustDomain: string;
    readonly instance: Instance;
    readonly authority: CertificateAuthority;
    readonly controlPlanePort: number;
    /** What the app answers to some paths. */
    readonly documents?: Readonly<Record<string, string>>;
  }): Promise<RealSidecar> {
    const { runDirectory, instance, trustDomain } = options;
    const directory = sidecarDirectory(runDirectory, instance.id);
    const identity = identityDirectory(runDirectory, instance.id);
    await mkdir(identity, { recursive: true });
    await placeIdentity(
      identity,
      await options.authority.issue(serviceSpiffeId(trustDomain, instance.service)),
    );
    const bootstrap = sidecarBootstrap({
      trustDomain,
      service: instance.service,
      instance,
      controlPlane: { address: '127.0.0.1', port: options.controlPlanePort },
      identityDirectory: identity,
    });
    await writeFile(join(directory, 'bootstrap.json'), bootstrap);

    const app = echoApp(instance.id, options.documents ?? {});
    app.listen(appSocket(runDirectory, instance.id));
    await once(app, 'listening');

    const log = createWriteStream(join(directory, 'envoy.log'));
    const envoy = spawn(
      process.env.ENVOY_PATH ?? 'envoy',
      ['-c', 'bootstrap.json', '--concurrency', '1', '--disable-hot-restart', '-l', 'warning'],
      { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    await once(envoy, 'spawn');
    envoy.stdout?.pipe(log);
    envoy.stderr?.pipe(log);
    return new RealSidecar(instance, runDirectory, envoy, app);
  }

  /** A call of the app to `http://<callee><path>` through its sidecar. */
  call(
    method: string,
    callee: string,
    path: string,
    options: { readonly headers?: Record<string, string>; readonly abortAfterMs?: number } = {},
  ): Promise<Answer> {
    const signal =
      options.abortAfterMs === undefined ? undefined : AbortSignal.timeout(options.abortAfterMs);
    return answerTo({
      socketPath: outboundSocket(this.runDirectory, this.instance.id),
      method,
      path,
      headers: { ...options.headers, host: callee },
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Process id of Envoy. */
  get pid(): number {
    return this.envoy.pid ?? 0;
  }

  /** Text from Envoy's admin interface. */
  async admin(path: string): Promise<string> {
    const [host = '', port = ''] = this.instance.adminAddress.split(':');
    return (await answerTo({ host, port: Number(port), path, method: 'GET' })).body;
  }

  /** A counter or gauge of Envoy; undefined when it does not exist. */
  async stat(name: string): Promise<number | undefined> {
    const lines = (await this.admin('/stats')).split('\n');
    const line = lines.find((candidate) => candidate.startsWith(`${name}: `));
    return line === undefined ? undefined : Number(line.slice(name.length + 2));
  }

  /** Waits until the sidecar serves both ways. */
  async ready(): Promise<void> {
    await eventually(
      `sidecar ${this.instance.id}`,
      async () => {
        if (this.envoy.exitCode !== null || this.envoy.signalCode !== null) {
          throw new Error(await this.log());
        }
        const listeners = await this.admin('/listeners');
        const ready = (await this.admin('/ready')).startsWith('LIVE');
        return ready && ['inbound', 'outbound'].every((name) => listeners.includes(`${name}::`))
          ? true
          : undefined;
      },
      20_000,
    );
  }

  async stopApp(): Promise<void> {
    this.app.closeAllConnections();
    await new Promise((resolve) => this.app.close(resolve));
  }

  log(): Promise<string> {
    const path = join(sidecarDirectory(this.runDirectory, this.instance.id), 'envoy.log');
    return readFile(path, 'utf8');
  }

  async stop(): Promise<void> {
    this.app.closeAllConnections();
    this.app.close();
    if (this.envoy.exitCode === null && this.envoy.signalCode === null) {
      const exit = once(this.envoy, 'exit');
      this.envoy.kill('SIGKILL');
      await exit;
    }
  }
}

/** Answers every request with what it was; `/status/<n>` parts choose the status, `slow` waits. */
function echoApp(instanceId: string, documents: Readonly<Record<string, string>>) {
  return createServer((req, res) => {
    const url = req.url ?? '';
    if (url.includes('slow')) {
      setTimeout(() => res.end(), 3000).unref();
      return;
    }
    res.statusCode = Number(/status-(\d+)/.exec(url)?.[1] ?? 200);
    res.setHeader('content-type', 'application/json');
    const document = documents[url];
    if (document !== undefined) {
      res.end(document);
      return;
    }
    res.end(
      JSON.stringify({ instance: instanceId, method: req.method, url, headers: req.headers }),
    );
  });
}

function answerTo(options: RequestOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request(options, (res) => {
      let body = '';
      res.setEncoding('utf8');
      res.on('data', (chunk: string) => {
        body += chunk;
      });
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body }));
      res.on('error', reject);
    });
    req.on('error', reject);
    req.end();
  });
}
