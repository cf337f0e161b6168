import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between a client and a server that comes and goes: its port stays, and it can cut. */
export class TcpProxy {
  readonly #open = new Set<Socket>();
  /** Where connections go; nowhere while undefined. */
  target: number | undefined;

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async start(): Promise<TcpProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = new TcpProxy(server, (server.address() as AddressInfo).port);
    server.on('connection', (socket) => proxy.#connect(socket));
    return proxy;
  }

  /** Resets every connection. */
  cut(): void {
    for (const socket of this.#open) {
      socket.resetAndDestroy();
    }
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #connect(downstream: Socket): void {
    if (this.target === undefined) {
      downstream.resetAndDestroy();
      return;
    }
    const upstream = connect(this.target, '127.0.0.1');
    for (const [socket, other] of [
      [downstream, upstream],
      [upstream, downstream],
    ] as const) {
      this.#open.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#open.delete(socket);
        other.destroy();
      });
    }
    downstream.pipe(upstream).pipe(downstream);
  }
}
