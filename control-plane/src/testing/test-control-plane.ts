import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.js';
import { freePort } from './test-database.js';
import { TestProcess } from './test-process.js';

const JOIN_TOKEN = 'a-token-for-tests-only';

/** A response as tests look at it. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** The control plane's own process, as it runs in production. */
export class TestControlPlane {
  #process: TestProcess | undefined;

  private constructor(
    private readonly folder: string,
    readonly apiPort: number,
    readonly xdsPort: number,
    private readonly environment: Record<string, string>,
  ) {}

  static async create(settings: {
    readonly meshDirectory: string;
    readonly databaseUrl: string;
    readonly redisUrl: string;
    readonly environment?: Readonly<Record<string, string>>;
  }): Promise<TestControlPlane> {
    const folder = await mkdtemp(join(tmpdir(), 'dotline-control-plane-'));
    const [apiPort, xdsPort, otlpGrpc, otlpHttp] = await Promise.all(
      Array.from({ length: 4 }, freePort),
    );
    return new TestControlPlane(folder, Number(apiPort), Number(xdsPort), {
      MESH_DIRECTORY: settings.meshDirectory,
      DATABASE_URL: settings.databaseUrl,
      REDIS_URL: settings.redisUrl,
      API_LISTEN: `127.0.0.1:${apiPort}`,
      XDS_LISTEN: `127.0.0.1:${xdsPort}`,
      CA_DIRECTORY: join(folder, 'authority'),
      COLLECTOR_OTLP_GRPC: `127.0.0.1:${otlpGrpc}`,
      COLLECTOR_OTLP_HTTP: `127.0.0.1:${otlpHttp}`,
      JOIN_TOKEN,
      OPA_PATH: process.env.OPA_PATH ?? 'opa',
      ...settings.environment,
    });
  }

  async start(): Promise<void> {
    this.#process = await TestProcess.start(
      process.execPath,
      [fileURLToPath(new URL('../../dist/main.js', import.meta.url))],
      { env: this.environment },
    );
  }

  /** Waits until a revision is live. */
  async ready(): Promise<void> {
    await eventually(
      'the control plane',
      async () => {
        if (this.#process?.isRunning === false) throw new Error(this.output);
        return (await this.get('/healthz')).status === 200 ? true : undefined;
      },
      90_000,
    );
  }

  /** What it has logged since its last start. */
  get output(): string {
    return this.#process?.output ?? '';
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string | null> {
    return (await this.#process?.stop(signal)) ?? null;
  }

  async remove(): Promise<void> {
    await this.stop('SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }

  get(path: string): Promise<Answer> {
    return this.call('GET', path);
  }

  /** A call of the API with the join token, unless another is given. */
  async call(method: string, path: string, body?: unknown, token = JOIN_TOKEN): Promise<Answer> {
    const ca = await readFile(join(this.folder, 'authority/root.pem'));
    return new Promise((resolve, reject) => {
      const call = request(
        {
          host: '127.0.0.1',
          port: this.apiPort,
          method,
          path,
          ca,
          agent: false,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        },
        (response) => {
          let text = '';
          response.on('data', (bytes: Buffer) => {
            text += bytes.toString();
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
        },
      );
      call.on('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** The sum of a metric over its labels. */
  async metric(name: string): Promise<number> {
    const { body } = await this.get('/metrics');
    return body
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}
