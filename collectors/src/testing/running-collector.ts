import { fileURLToPath } from 'node:url';
import { ChannelCredentials, Client, type ServiceError } from '@grpc/grpc-js';
import type { Signal } from '../otlp/signal.js';
import { endProcess, type RunningProcess, startProcess } from './child-process.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

interface Ports {
  readonly grpc: number;
  readonly http: number;
  readonly operations: number;
}

/** A collector as it runs in production, in a process of its own. */
export class RunningCollector {
  readonly ports: Ports;
  readonly #process: RunningProcess;

  private constructor(process: RunningProcess) {
    this.#process = process;
    this.ports = process.listening.ports as Ports;
  }

  /** Starts one. Ports are free ones unless given, so that it can come back where it was. */
  static async start(
    environment: Readonly<Record<string, string>>,
    ports: Ports = { grpc: 0, http: 0, operations: 0 },
  ): Promise<RunningCollector> {
    const running = new RunningCollector(
      await startProcess(MAIN, {
        OTLP_GRPC_LISTEN: `127.0.0.1:${ports.grpc}`,
        OTLP_HTTP_LISTEN: `127.0.0.1:${ports.http}`,
        HTTP_LISTEN: `127.0.0.1:${ports.operations}`,
        GATHER_MS: '20',
        GATHER_DETAILS_MS: '20',
        ...environment,
      }),
    );
    return running;
  }

  /** Resolves when `/healthz` is 200. */
  async healthy(): Promise<void> {
    const url = `http://127.0.0.1:${this.ports.operations}/healthz`;
    for (let attempt = 0; attempt < 200; attempt += 1) {
      if ((await fetch(url)).ok) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('the collector did not become healthy');
  }

  /** The value of one metric line, such as `dotline_collector_pending_requests`. */
  async metric(name: string): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${this.ports.operations}/metrics`);
    const line = (await response.text()).split('\n').find((text) => text.startsWith(`${name} `));
    return Number(line?.split(' ').at(-1) ?? Number.NaN);
  }

  kill(): Promise<void> {
    return endProcess(this.#process, 'SIGKILL');
  }

  stop(): Promise<void> {
    return endProcess(this.#process);
  }
}

/** A client of OTLP/gRPC. */
export class OtlpClient {
  readonly #client: Client;

  constructor(address: string, credentials = ChannelCredentials.createInsecure()) {
    this.#client = new Client(address, credentials, {
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 100,
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** Sends once. @throws ServiceError */
  send(signal: Signal, bytes: Buffer): Promise<Buffer> {
    const same = (value: Buffer) => value;
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, value?: Buffer) =>
        error === null ? resolve(value ?? Buffer.alloc(0)) : reject(error);
      const deadline = { deadline: Date.now() + 10_000 };
      this.#client.makeUnaryRequest(signal.grpcPath, same, same, bytes, deadline, done);
    });
  }

  /** Sends the same bytes until they are acknowledged, as Envoy does. */
  async sendUntilStored(signal: Signal, bytes: Buffer): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.send(signal, bytes);
        return;
      } catch (error) {
        if (attempt === 200) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  close(): void {
    this.#client.close();
  }
}
