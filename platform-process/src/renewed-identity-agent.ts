import type { ClientRequestArgs } from 'node:http';
import { Agent } from 'node:https';
import type { Duplex } from 'node:stream';
import type { IdentitySource } from './tls-identity.js';

/** A process exports three kinds of telemetry, each one request at a time. */
const SOCKETS_MAX = 4;
/** A certificate lives an hour: no connection outlives the one that it was opened with. */
const CONNECTION_AGE_MS_MAX = 5 * 60_000;

/**
 * Opens each TLS connection with the identity as it is at that moment, and lets no connection grow
 * old. Node's own agent keeps what it read at the start, which ends with the first certificate.
 */
export class RenewedIdentityAgent extends Agent {
  readonly #openedAtMs = new WeakMap<Duplex, number>();

  constructor(
    private readonly identity: IdentitySource,
    private readonly connectionAgeMsMax = CONNECTION_AGE_MS_MAX,
  ) {
    // A resumed session would show the certificate of the first one.
    super({ keepAlive: true, maxSockets: SOCKETS_MAX, maxCachedSessions: 0 });
  }

  override createConnection(
    options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const failed = callback as ((error: Error) => void) | undefined;
    this.identity()
      .then((identity) => {
        const socket = super.createConnection({ ...options, ...identity });
        if (!socket) throw new Error('node:https opened no connection');
        this.#openedAtMs.set(socket, Date.now());
        callback?.(null, socket);
      })
      .catch((error: unknown) =>
        failed?.(error instanceof Error ? error : new Error(String(error))),
      );
  }

  /** Node's types say nothing of it, but `false` ends the connection after its request. */
  override keepSocketAlive(socket: Duplex): boolean {
    const ageMs = Date.now() - (this.#openedAtMs.get(socket) ?? 0);
    const isKept: unknown = super.keepSocketAlive(socket);
    return isKept !== false && ageMs < this.connectionAgeMsMax;
  }
}
