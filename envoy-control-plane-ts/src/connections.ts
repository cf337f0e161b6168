import { lookup } from 'node:dns/promises';
import { createServer, type Server, type Socket } from 'node:net';

/** A whole fleet comes at once when a server is back; Node's 511 would lose half of a thousand. */
const backlog = 4_096;

/** An address that cannot be listened on. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/**
 * The listeners of a server and their open connections. The gRPC library would listen by itself,
 * but it ends connections gracefully even when it is forced to shut down: a client that does not
 * read what it was sent keeps such a server from ever closing. What is listed here can be cut.
 */
export class Connections {
  readonly #listeners = new Set<Server>();
  readonly #sockets = new Map<Socket, string>();
  readonly #emptied = new Set<() => void>();

  constructor(
    private readonly max: number,
    private readonly accept: (socket: Socket) => void,
  ) {}

  get size(): number {
    return this.#sockets.size;
  }

  /**
   * @param address `host:port`, port 0 for a free one, or `unix:/path`. Of a host name every address
   * is listened on.
   * @returns the port; 0 for a Unix socket.
   * @throws ListenError
   */
  async listen(address: string): Promise<number> {
    if (address.startsWith('unix:')) {
      await this.#listen({ path: address.slice('unix:'.length) });
      return 0;
    }
    const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(address) ?? [];
    const bare = host.replace(/^\[(.*)\]$/, '$1');
    if (bare === '' || Number(port) > 65_535) {
      throw new ListenError(`${JSON.stringify(address)} is neither host:port nor unix:/path`);
    }
    const found = await lookup(bare, { all: true }).catch((cause: unknown) => {
      throw new ListenError(`${bare} cannot be resolved`, { cause });
    });
    let bound = Number(port);
    const failures: unknown[] = [];
    for (const { address: one } of found) {
      try {
        bound = await this.#listen({ host: one, port: bound });
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === found.length) {
      throw new ListenError(`cannot listen on ${address}: ${failures.join('; ')}`, {
        cause: failures[0],
      });
    }
    return bound;
  }

  /** Accepts no more connections; those that are open stay. */
  stopListening(): void {
    for (const listener of this.#listeners) {
      listener.close();
    }
    this.#listeners.clear();
  }

  /** Cuts the connection of a peer, by its `host:port`. */
  cut(peerAddress: string): void {
    for (const [socket, address] of this.#sockets) {
      if (address === peerAddress) {
        cut(socket);
      }
    }
  }

  cutAll(): void {
    for (const socket of this.#sockets.keys()) {
      cut(socket);
    }
  }

  /** Waits until no connection is open. */
  async empty(): Promise<void> {
    if (this.#sockets.size > 0) {
      await new Promise<void>((resolve) => this.#emptied.add(resolve));
    }
  }

  #listen(where: { path: string } | { host: string; port: number }): Promise<number> {
    const listener = createServer((socket) => this.#add(socket));
    return new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen({ ...where, backlog }, () => {
        listener.off('error', reject);
        // Such as too many open files: this connection is lost, the listener is not.
        listener.on('error', () => undefined);
        this.#listeners.add(listener);
        const address = listener.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  }

  #add(socket: Socket): void {
    if (this.#sockets.size >= this.max) {
      socket.destroy();
      return;
    }
    this.#sockets.set(socket, `${socket.remoteAddress}:${socket.remotePort}`);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) {
        for (const resolve of this.#emptied) {
          resolve();
        }
        this.#emptied.clear();
      }
    });
    this.accept(socket);
  }
}

/** Not at once: an HTTP/2 session that ends while Node reads from it corrupts Node's memory (20.20). */
function cut(socket: Socket): void {
  setImmediate(() => socket.destroy());
}
