import type { SnapshotCache } from '../snapshot-cache.js';
import { TypeUrl } from '../type-url.js';
import { cluster } from './hello-resources.js';
import { type Ending, LightConnection } from './light-client.js';
import { eventually } from './real-envoy.js';

interface Delays {
  readonly changes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** A client that does everything right, and measures how soon changes reach it meanwhile. */
export class Neighbour {
  /** Milliseconds from a change to its arrival, by version; one that is overtaken never arrives. */
  readonly #arrivals = new Map<string, number>();
  readonly #sentAt = new Map<string, number>();
  readonly #connection: LightConnection;
  #timer: NodeJS.Timeout | undefined;
  #count = 0;
  #last = '';
  #ended: Ending | undefined;

  private constructor(
    port: number,
    private readonly cache: SnapshotCache,
  ) {
    this.#connection = new LightConnection(port);
  }

  static async start(port: number, cache: SnapshotCache): Promise<Neighbour> {
    const neighbour = new Neighbour(port, cache);
    const stream = neighbour.#connection.stream();
    stream.received = (response) => {
      stream.acknowledge(response);
      for (const { version } of response.resources) {
        neighbour.#arrived(version);
      }
    };
    stream.ended.then((ending) => {
      neighbour.#ended = ending;
    });
    neighbour.#change();
    stream.send({ node: { id: 'neighbour' }, typeUrl: TypeUrl.Cluster });
    await eventually(() => neighbour.#arrivals.size > 0);
    neighbour.#timer = setInterval(() => neighbour.#change(), 20);
    return neighbour;
  }

  /** Stops when enough changes, and the last of them, have arrived; tells how long each took. */
  async stop(): Promise<Delays> {
    await eventually(() => this.#arrivals.size >= 20 || this.#ended !== undefined);
    clearInterval(this.#timer);
    await eventually(() => this.#arrivals.has(this.#last) || this.#ended !== undefined);
    this.#connection.close();
    if (this.#ended !== undefined) {
      throw new Error(`the neighbour's stream ended: ${JSON.stringify(this.#ended)}`);
    }
    const delays = [...this.#arrivals.values()].sort((a, b) => a - b);
    const at = (share: number) => Math.round(delays[Math.floor(share * delays.length)] ?? 0);
    return { changes: delays.length, p50Ms: at(0.5), p99Ms: at(0.99) };
  }

  #change(): void {
    this.#count += 1;
    const next = cluster('n', 1_000 + this.#count);
    this.#last = next.version;
    this.#sentAt.set(next.version, performance.now());
    this.cache.setSnapshot('neighbour', { [TypeUrl.Cluster]: [next] });
  }

  #arrived(version: string): void {
    const sentAt = this.#sentAt.get(version);
    if (sentAt !== undefined) {
      this.#arrivals.set(version, performance.now() - sentAt);
    }
  }
}
