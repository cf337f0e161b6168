import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunningProcess } from '@dotline/local-parts/start-local-process';
import { execa } from 'execa';
import { Agent } from 'undici';
import { agreedCalls } from './agreed-calls.js';
import { OutboundRouter, type RoutedRequest } from './outbound-router.js';
import { ensurePython } from './python-environment.js';
import { readServiceFiles, SERVICES_DIRECTORY, type ServiceFile } from './service-file.js';
import { startProcess } from './start-process.js';
import type { TestPostgresql, TestValkey } from './stores.js';

/** Building everything from nothing, on one core. */
const BUILD_MS_MAX = 600_000;
/** A socket's path may have 107 bytes, so folders have short names. */
const SOCKETS = 's';

interface Instance {
  readonly service: ServiceFile;
  readonly name: string;
  readonly listen: string;
  readonly outbound: string;
  readonly environment: Readonly<Record<string, string>>;
}

export interface ProductSettings {
  readonly product: string;
  /** A short path, for sockets, binaries and state. */
  readonly directory: string;
  readonly postgresql: TestPostgresql;
  readonly valkey: TestValkey;
  /** A service that is started when all others are healthy: one that only calls. */
  readonly last?: string;
  /** Variables of single services, over those of their files. */
  readonly environment?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** A product whose services run as their files say, with routers in place of sidecars. */
export class RunningProduct {
  readonly requests: RoutedRequest[] = [];
  readonly #processes = new Map<string, RunningProcess>();
  readonly #routers: OutboundRouter[] = [];

  private constructor(
    private readonly settings: ProductSettings,
    private readonly services: readonly ServiceFile[],
    readonly agreed: ReadonlySet<string>,
  ) {}

  /** Builds what has to be built and starts every service. */
  static async start(settings: ProductSettings): Promise<RunningProduct> {
    const services = await readServiceFiles(settings.product);
    const product = new RunningProduct(settings, services, await agreedCalls(services));
    await mkdir(join(settings.directory, SOCKETS), { recursive: true });
    const python = await ensurePython();
    const binaries = await buildGo(settings.directory, services);
    try {
      const instances = (await Promise.all(services.map((s) => product.#instancesOf(s)))).flat();
      await Promise.all(instances.map((instance) => product.#startRouter(instance)));
      for (const isLast of [false, true]) {
        const wave = instances.filter(({ service }) => (service.name === settings.last) === isLast);
        await Promise.all(wave.map((instance) => product.#startApp(instance, python, binaries)));
      }
    } catch (error) {
      await product.stop();
      throw error;
    }
    return product;
  }

  /** Asks an instance on its own socket, as its sidecar would. */
  async ask(instance: string, path: string): Promise<{ status: number; body: unknown }> {
    const agent = new Agent({ connect: { socketPath: this.#listen(instance) } });
    try {
      const answer = await agent.request({ origin: 'http://app', path, method: 'GET' });
      return { status: answer.statusCode, body: await answer.body.json() };
    } finally {
      await agent.close();
    }
  }

  /** The last lines that an instance printed. */
  output(instance: string): string {
    return this.#processes.get(instance)?.output() ?? '';
  }

  /** Stops one instance as the runner would. @returns how long it took */
  async stopInstance(instance: string): Promise<number> {
    const before = Date.now();
    await this.#processes.get(instance)?.stop();
    return Date.now() - before;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.stop()));
    await Promise.all(this.#routers.map((router) => router.close()));
  }

  async #instancesOf(service: ServiceFile): Promise<Instance[]> {
    const store = await this.#storeOf(service);
    return service.placement.map((cell, index) => {
      const name = `${service.name}-${index + 1}`;
      const listen = this.#listen(name);
      const outbound = join(this.settings.directory, SOCKETS, `${name}.out`);
      const environment = {
        ...service.environment,
        DOTLINE_SERVICE: service.name,
        DOTLINE_INSTANCE: name,
        DOTLINE_CELL: cell,
        DOTLINE_LISTEN: listen,
        DOTLINE_OUTBOUND: outbound,
        DOTLINE_STATE_DIRECTORY: join(this.settings.directory, 'state', name),
        OTEL_SERVICE_NAME: service.name,
        OTEL_SDK_DISABLED: 'true',
        ...store,
        ...this.settings.environment?.[service.name],
      };
      return { service, name, listen, outbound, environment };
    });
  }

  async #storeOf({ name, datastore }: ServiceFile): Promise<Record<string, string>> {
    if (datastore === 'postgresql')
      return { DATABASE_URL: await this.settings.postgresql.createDatabase(name) };
    return datastore === 'valkey' ? this.settings.valkey.createUser(name) : {};
  }

  async #startRouter({ service, outbound }: Instance): Promise<void> {
    const router = new OutboundRouter(
      service.name,
      this.agreed,
      this.services,
      (callee) => this.#socketsOf(callee),
      (request) => this.requests.push(request),
    );
    this.#routers.push(router);
    await router.listen(outbound);
  }

  async #startApp(
    { service, name, environment }: Instance,
    python: string,
    binaries: ReadonlyMap<string, string>,
  ): Promise<void> {
    const programs: Record<string, string | undefined> = {
      python,
      node: process.execPath,
      '{binary}': binaries.get(service.name),
    };
    const [program = '', ...args] = service.command;
    const running = await startProcess({
      name,
      command: [programs[program] ?? program, ...args],
      directory: service.directory,
      environment,
      ready: async () => {
        const { status } = await this.ask(name, '/healthz');
        if (status !== 200) throw new Error(`${name} is not healthy: ${status}`);
      },
    });
    this.#processes.set(name, running);
  }

  #socketsOf(service: string): string[] {
    const replicas = this.services.find(({ name }) => name === service)?.placement.length ?? 0;
    return Array.from({ length: replicas }, (_, index) => this.#listen(`${service}-${index + 1}`));
  }

  #listen(instance: string): string {
    return join(this.settings.directory, SOCKETS, `${instance}.in`);
  }
}

/** Builds every Go service of a list. @returns the binary of each */
async function buildGo(
  directory: string,
  services: readonly ServiceFile[],
): Promise<Map<string, string>> {
  const go = services.filter((service) => service.language === 'go');
  const output = join(directory, 'bin');
  await mkdir(output, { recursive: true });
  const folders = go.map((service) => service.directory);
  if (folders.length > 0)
    await execa('go', ['build', '-o', `${output}/`, ...folders], {
      cwd: SERVICES_DIRECTORY,
      timeout: BUILD_MS_MAX,
    });
  return new Map(go.map((service) => [service.name, join(output, service.name)]));
}
