import { Agent, type ClientRequest, createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A real HTTP server behind Envoy; answers with its name. */
export class Backend {
  private constructor(
    private readonly server: Server,
    readonly name: string,
    readonly port: number,
  ) {}

  static async start(name: string): Promise<Backend> {
    const server = createServer((_request, response) => response.end(name));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Backend(server, name, (server.address() as AddressInfo).port);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/**
 * What a client of the data plane sees: status, mark of the route (`x-route`) and body.
 * @param at a port of 127.0.0.1, or the path of a Unix socket
 */
export function ask(at: number | string, agent?: Agent): Promise<string> {
  const where = typeof at === 'string' ? { socketPath: at } : { host: '127.0.0.1', port: at };
  return new Promise((resolve, reject) => {
    request({ ...where, agent: agent ?? false, timeout: 10_000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve(`${response.statusCode} ${response.headers['x-route'] ?? '-'} ${body}`),
      );
    })
      .on('timeout', function (this: ClientRequest) {
        this.destroy(new Error('no answer within 10 s'));
      })
      .on('error', reject)
      .end();
  });
}

/** Asks again and again, on connections that stay open, and keeps every answer that is not as expected. */
export class SteadyRequests {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 2 });
  readonly #wrong: string[] = [];
  #running = false;
  #loop: Promise<void> = Promise.resolve();
  count = 0;

  constructor(
    private readonly at: number | string,
    private readonly expected: string,
  ) {}

  start(): void {
    this.#running = true;
    this.#loop = this.#ask();
  }

  /** Ends after the answer that is under way. */
  async pause(): Promise<void> {
    this.#running = false;
    await this.#loop;
  }

  async stop(): Promise<void> {
    await this.pause();
    this.#agent.destroy();
  }

  /** Answers that were wrong, the first hundred. */
  get wrong(): readonly string[] {
    return this.#wrong;
  }

  async #ask(): Promise<void> {
    while (this.#running) {
      const answer = await ask(this.at, this.#agent).catch((error: Error) => error.message);
      this.count += 1;
      if (answer !== this.expected && this.#wrong.length < 100) {
        this.#wrong.push(answer);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    // Idle connections would be cut, and be an error, when Envoy ends meanwhile.
    for (const socket of Object.values(this.#agent.freeSockets).flatMap((list) => list ?? [])) {
      socket.destroy();
    }
  }
}
