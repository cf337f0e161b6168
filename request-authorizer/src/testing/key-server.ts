import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';

/** An identity provider's HTTPS server outside of the mesh: it answers with a key set, or is out of order. */
export class KeyServer {
  private constructor(
    private readonly server: Server,
    readonly address: string,
    private readonly state: { jwks: string | undefined },
  ) {}

  static async start(
    identity: { readonly certificate: string; readonly key: string },
    address: string,
  ): Promise<KeyServer> {
    const state: { jwks: string | undefined } = { jwks: undefined };
    const { certificate: cert, key } = identity;
    const server = createServer({ cert, key }, ({ method, url }, response) => {
      const isAsked = method === 'GET' && url === '/keys.json';
      response.statusCode = state.jwks === undefined ? 503 : isAsked ? 200 : 404;
      response.end(isAsked ? state.jwks : undefined);
    });
    server.listen(0, address);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return new KeyServer(server, `${address}:${port}`, state);
  }

  publish(jwks: string): void {
    this.state.jwks = jwks;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
